"""What happens to a pending post, and what is known of it then."""

from __future__ import annotations

import pytest

from baton.bus.messages import State
from bot.content import NoticeContent, Post
from bot.fronts.protocol import Limits
from bot.posts.pending import NEVER, PendingPost, PendingPosts
from bot.posts.rate_limits import RateLimits
from tests.bot.build import OPS

LIMITS = Limits(post_every=1.0, post_burst=3, edits_per_minute=60, edit_every=2.0)
BY_LIMIT = "by Slack's rate limit"


def post(text: str = "one", key: str = "a", *, parent: str = "", closing: bool = False) -> Post:
    return Post(key, NoticeContent(text, State.RUNNING), parent=parent, closing=closing)


def pending(key: str = "a", *, parent: str = "", asker: str = "U_ANN") -> PendingPost:
    return PendingPost("a", OPS, post(key=key, parent=parent), asker=asker)


def shown(text: str = "one") -> PendingPost:
    """One whose message shows `text`, and of which the database knows that."""
    one = pending()
    one.sending()
    one.sent("ts-1", post(text).digest, 10.0, BY_LIMIT)
    one.was_recorded()
    return one


def test_what_was_sent_is_up_to_date_once_it_is_recorded() -> None:
    """Not before: a bot that dies in between must not post it again."""
    one = pending()
    one.sending()
    assert one.unsure
    one.sent("ts-1", post().digest, 10.0, BY_LIMIT)
    assert (one.unsure, one.as_desired, one.up_to_date) == (False, True, False)
    one.was_recorded()
    assert one.up_to_date
    assert (one.updates, one.shown_at) == (0, 10.0)


def test_what_is_desired_while_it_is_sent_is_one_update_more() -> None:
    """It shows what was desired when it was sent, and waits from then on."""
    one = pending()
    one.sending()
    one.desire(post("two"), 9.0)
    one.sent("ts-1", post("one").digest, 10.0, BY_LIMIT)
    one.was_recorded()
    assert not one.up_to_date
    assert (one.updates, one.waiting_since, one.held_by) == (1, 10.0, BY_LIMIT)


def test_several_changes_are_one_edit_that_waits_since_the_first() -> None:
    """The same content again is no change."""
    one = shown()
    one.desire(post("one"), 11.0)
    assert one.up_to_date
    one.desire(post("two"), 12.0)
    one.desire(post("three"), 13.0)
    assert (one.updates, one.waiting_since, one.post) == (2, 12.0, post("three"))


def test_an_edit_whose_answer_is_lost_shows_nobody_knows_what() -> None:
    """So it is edited again, though the same is desired."""
    one = shown()
    one.desire(post("two"), 11.0)
    one.editing()
    one.desire(post("one"), 12.0)
    assert not one.as_desired


def test_a_post_whose_answer_is_lost_may_be_there() -> None:
    """Until it is found, or it is certain that it is not there."""
    one = pending()
    one.sending()
    one.lost(12.0)
    assert (one.unsure, one.sure_at) == (True, 12.0)
    one.found("ts-1", "", 11.0, BY_LIMIT)
    assert (one.unsure, one.ref, one.as_desired, one.shown_at) == (False, "ts-1", False, NEVER)


def test_a_claim_that_took_too_long_is_no_claim() -> None:
    """Somebody else may have posted it by then."""
    one = pending()
    one.claimed(in_time=False)
    assert one.unsure
    one.claimed(in_time=True)
    assert not one.unsure


def test_what_was_deleted_is_desired_anew() -> None:
    """And it is pinned again, if it is to be."""
    one = shown()
    one.was_pinned()
    one.deleted()
    assert (one.ref, one.as_desired, one.pinned, one.recorded) == ("", False, False, True)


def test_what_is_held_waits_for_the_longest() -> None:
    """And says what holds it last."""
    one = pending()
    one.held(12.0, BY_LIMIT)
    one.held(11.0, "while Slack was unreachable")
    assert (one.not_before, one.held_by) == (12.0, "while Slack was unreachable")


def test_who_asked_is_owed_the_end_of_what_was_given_up() -> None:
    """Only once it has ended, and once."""
    one = pending()
    states = []
    for step in (
        one.give_up,
        lambda: one.desire(post("over", closing=True), 11.0),
        one.told_outcome,
    ):
        step()
        states.append((one.owes_outcome, one.up_to_date))
    assert states == [(False, True), (True, False), (False, True)]


def test_nobody_is_owed_the_end_of_what_nobody_asked_for() -> None:
    """Nor of what only stands in a thread."""
    for one in (pending(asker=""), pending("a/web-1", parent="a")):
        one.post = post("over", one.post.key, parent=one.post.parent, closing=True)
        one.give_up()
        assert one.up_to_date


@pytest.mark.parametrize("told", [False, True])
def test_what_another_bot_gave_up_stays_so(told: bool) -> None:
    """The asker hears of its end if they have not yet."""
    one = pending()
    one.desire(post("over", closing=True), 11.0)
    one.resume_given_up(outcome_told=told)
    assert one.up_to_date is told


def test_faults_in_a_row_are_counted_until_a_call_succeeds() -> None:
    """As failures are."""
    one = pending()
    one.faulted()
    one.failed()
    one.failed()
    assert (one.faults, one.failures) == (1, 2)
    one.succeeded()
    assert (one.faults, one.failures) == (0, 0)


@pytest.fixture
def posts() -> PendingPosts:
    """A post that is shown, two in its thread of which one is, and another in the channel."""
    found = PendingPosts(RateLimits.of(LIMITS, 0.0))
    top, said, unsaid = pending(), pending("a/web-1", parent="a"), pending("a/web-2", parent="a")
    for one, ref in ((top, "ts-1"), (said, "ts-2")):
        one.sent(ref, "", 10.0, BY_LIMIT)
        found.shown(one)
    other = PendingPost("b", OPS, post(key="b"))
    found.of_subject = {
        "a": {one.post.key: one for one in (top, said, unsaid)},
        "b": {"b": other},
    }
    found.waiting = {OPS.channel: {**found.of_subject["a"], **found.of_subject["b"]}}
    return found


def not_before(posts: PendingPosts) -> dict[str, float]:
    return {key: one.not_before for key, one in posts.waiting[OPS.channel].items()}


def test_what_is_given_up_takes_with_it_what_can_stand_only_in_its_thread(
    posts: PendingPosts,
) -> None:
    """Not what stands there already."""
    posts.give_up(posts.of_subject["a"]["a"])
    assert {key for key, one in posts.of_subject["a"].items() if one.given_up} == {"a", "a/web-2"}


def test_what_was_deleted_has_no_thread(posts: PendingPosts) -> None:
    """What is to stand in it waits for the new message."""
    top, unsaid = posts.of_subject["a"]["a"], posts.of_subject["a"]["a/web-2"]
    assert posts.thread(unsaid) == "ts-1"
    posts.deleted(top)
    assert posts.thread(unsaid) == ""


def test_one_that_is_turned_away_speaks_for_its_kind(posts: PendingPosts) -> None:
    """New posts of its channel, or all edits."""
    posts.hold_kind(posts.of_subject["b"]["b"], 10.0, 15.0, BY_LIMIT)
    held = {"a": NEVER, "a/web-1": NEVER, "a/web-2": 15.0, "b": 15.0}
    assert not_before(posts) == held
    posts.hold_kind(posts.of_subject["a"]["a"], 10.0, 20.0, BY_LIMIT)
    assert not_before(posts) == held | {"a": 20.0, "a/web-1": 20.0}


def test_a_front_end_that_cannot_be_reached_holds_everything(posts: PendingPosts) -> None:
    """Also what comes later."""
    posts.hold_all(15.0, "while Slack was unreachable")
    assert set(not_before(posts).values()) == {15.0}
    assert posts.limits.shut == 15.0
