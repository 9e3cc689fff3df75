from __future__ import annotations

from collections.abc import Mapping

import pytest

from baton.bus.messages import State
from bot.content import FileContent, FleetContent, JobContent, NoticeContent, OutputContent, Post
from bot.jobs import RunRecord, Tail
from bot.posts.render import MAX_ROWS, render_job
from bot.servers.server_visibility import ServerVisibility
from tests.bot.build import ANN, Hail, Ship, after, job, run

SHIP = Ship(app="shop", environment="prod")
SEEING = ServerVisibility()


def main(*runs: RunRecord, sight: ServerVisibility = SEEING) -> JobContent:
    content = render_job(job(), SHIP, runs, {}, sight)[0].content
    assert isinstance(content, JobContent)
    return content


def test_the_post_says_what_who_and_how_far() -> None:
    """Title, asker, `1 of 2 done`, a row a server, and a button while it can be cancelled."""
    content = main(
        run("web-1", State.SUCCEEDED, text="v2", finished=after(8)),
        run("web-2", State.RUNNING, text="building", percent=40, started=after(1)),
    )
    assert (content.title, content.asked_by) == ("ship shop prod", "U_ANN")
    assert content.summary.startswith("1 of 2 done")
    assert [(row.host, row.state, row.percent) for row in content.rows] == [
        ("web-1", State.SUCCEEDED, None),
        ("web-2", State.RUNNING, 40),
    ]
    assert [button.label for button in content.buttons] == ["Cancel"]


def test_a_job_that_ended_cannot_be_cancelled_and_says_how_long_it_took() -> None:
    """No button stays under what is over."""
    content = main(run("web-1", State.SUCCEEDED, finished=after(75)))
    assert content.buttons == ()
    assert "after 1 min 15 s" in content.summary


def test_a_silent_server_is_named_at_once() -> None:
    """The asker reads in the first post that nobody may be there."""
    content = main(run("web-1", State.SENT), sight=ServerVisibility(silent={"web-1": after(-300)}))
    assert "no heartbeat since 02:55:00 UTC" in content.rows[0].text


def test_blind_is_not_down() -> None:
    """While our own link is gone the post says so, and does not say that servers are silent."""
    sight = ServerVisibility(blind_since=after(0), silent={"web-1": after(-300)})
    content = main(run("web-1", State.SENT), sight=sight)
    assert "No connection to RabbitMQ since 03:00:00 UTC" in content.hint
    assert "heard" not in content.rows[0].text


def test_what_was_never_sent_is_said_so_for_ever() -> None:
    """That the bus was away is the end of it: no server is called missing, in the post or the
    channel, and it says what to do."""
    reason = "not sent: RabbitMQ was unreachable for 20 s"
    runs = [run(f"web-{n}", State.EXPIRED, text=reason, finished=after(20)) for n in (2, 1)]
    posts = render_job(job(), SHIP, runs, {}, SEEING)
    content, notice = posts[0].content, posts[-1].content
    assert isinstance(content, JobContent)
    assert content.hint == "Nothing was sent to web-1, web-2: run it again."
    assert isinstance(notice, NoticeContent)
    assert notice.text == f"ship shop prod: {reason}"


def test_failures_are_said_aloud_once() -> None:
    """One notice a job, broadcast to the channel, that grows with the failures."""
    runs = (run("web-1", State.FAILED, text="health check: 500"), run("web-2", State.RUNNING))
    notice = render_job(job(), SHIP, runs, {}, SEEING)[-1]
    assert notice.broadcast
    assert isinstance(notice.content, NoticeContent)
    assert notice.content.text == "ship shop prod: failed on web-1: health check: 500"
    runs = (runs[0], run("web-2", State.LOST, text="not heard"))
    again = render_job(job(), SHIP, runs, {}, SEEING)[-1]
    assert again.key == notice.key
    assert again.content != notice.content
    assert "2 servers: web-1 (failed), web-2 (lost)" in str(again.content)


def test_what_was_cancelled_is_no_failure() -> None:
    """Who cancels knows; the channel is not alarmed."""
    posts = render_job(job(), SHIP, (run("web-1", State.CANCELLED),), {}, SEEING)
    assert not any(post.broadcast for post in posts)


def test_each_servers_output_is_in_the_thread() -> None:
    """A post a server that said something, under the job's post."""
    runs = (run("web-1", State.RUNNING, step="build"), run("web-2", State.SENT))
    posts = render_job(job(), SHIP, runs, {"web-1": Tail("web-1", 1, "line 9\nline 10", 8)}, SEEING)
    output = posts[1]
    assert (output.parent, len(posts)) == (posts[0].key, 2)
    assert output.content == OutputContent(
        "web-1", State.RUNNING, "build", "line 9\nline 10", 8, "j0b00001"
    )


def test_many_servers_are_summed_up_the_troubled_ones_first() -> None:
    """A thousand rows help nobody: what needs attention is shown, the rest is counted."""
    runs = [run(f"web-{number:03}", State.SUCCEEDED) for number in range(100)]
    runs[70] = run("web-070", State.FAILED)
    content = main(*runs)
    assert len(content.rows) == MAX_ROWS
    assert content.rows[0].host == "web-070"
    assert content.lines[-1] == f"and {100 - MAX_ROWS} more: {100 - MAX_ROWS} succeeded"


def thread_of(
    *runs: RunRecord, tails: Mapping[str, str] | None = None, front: str = "slack"
) -> tuple[Post, ...]:
    """What stands in the thread of a job."""
    said = {host: Tail(host, 1, text, 0) for host, text in (tails or {}).items()}
    return render_job(job(), SHIP, runs, said, SEEING)[1:]


def test_thread_posts_stand_in_the_order_of_the_list() -> None:
    """A server that speaks late has its place kept; one that ended without a word needs none."""
    posts = thread_of(
        run("web-3", State.RUNNING),
        run("web-2", State.UNROUTABLE, text="nobody there"),
        run("web-1", State.SENT),
        run("web-4", State.SENT),
        tails={"web-3": "line"},
    )
    assert [post.key for post in posts] == ["j0b00001/web-1", "j0b00001/web-3", "j0b00001!"]


def test_the_last_word_is_said_once() -> None:
    """It is the headline, and not the last line below it as well."""
    (ended,) = thread_of(
        run("web-1", State.SUCCEEDED, text="v2 is live"), tails={"web-1": "one\nv2 is live"}
    )
    assert ended.content == OutputContent(
        "web-1", State.SUCCEEDED, "v2 is live", "one", 0, "j0b00001"
    )
    (running,) = thread_of(run("web-1", State.RUNNING, text="one"), tails={"web-1": "one"})
    assert isinstance(running.content, OutputContent)
    assert (running.content.headline, running.content.text) == ("", "one")
    (longer, _) = thread_of(run("web-1", State.FAILED, text="live"), tails={"web-1": "v2 is live"})
    assert isinstance(longer.content, OutputContent)
    assert longer.content.text == "v2 is live"


@pytest.mark.parametrize("servers", [6, 300, 1000])
def test_the_thread_does_not_grow_with_the_servers(servers: int) -> None:
    """One post for what they say, one file of all of it, one failure said aloud."""
    runs = [run(f"web-{number:04}", State.SUCCEEDED, sequence=9) for number in range(servers)]
    runs[3] = run("web-0003", State.FAILED, text="exit code 1", sequence=9)
    tails = {each.host: f"hello from {each.host}" for each in runs}
    posts = thread_of(*runs, tails=tails)
    assert [post.key for post in posts] == ["j0b00001/*", "j0b00001/output", "j0b00001!"]
    assert isinstance(posts[0].content, FleetContent)
    assert [group.headline for group in posts[0].content.groups] == [
        "1 failed: exit code 1",
        f"{servers - 1} succeeded with the same output",
    ]
    assert isinstance(posts[1].content, FileContent)
    assert len(posts[1].content.hosts) == servers


def test_up_to_a_handful_each_has_its_post() -> None:
    """Five servers are five posts, and there is no file."""
    runs = [run(f"web-{number}", State.SUCCEEDED) for number in range(5)]
    posts = thread_of(*runs, tails={each.host: "hello" for each in runs})
    assert [post.key for post in posts] == [f"j0b00001/web-{number}" for number in range(5)]


def test_what_is_short_is_held_for_its_end() -> None:
    """A job for a second and a half from the ask, output for three seconds from the start."""
    main, output = render_job(
        job(),
        SHIP,
        (run(state=State.RUNNING, started=after(2)),),
        {"web-1": Tail("web-1", 1, "x", 0)},
        SEEING,
    )
    assert main.hold_until == after(1.5).timestamp()
    assert output.hold_until == after(5).timestamp()


def test_a_broadcast_shows_its_outcome_not_each_server() -> None:
    """A ping of a thousand servers is one line and the missing."""
    posts = render_job(
        job(Hail(environment="prod")), Hail(environment="prod"), (run(),), {}, SEEING
    )
    content = posts[0].content
    assert isinstance(content, JobContent)
    assert (len(posts), content.rows, content.buttons) == (1, (), ())


def test_a_cancel_that_was_asked_is_shown() -> None:
    """Nobody presses twice because nothing seemed to happen."""
    record = run("web-1", State.RUNNING, started=after(1))
    content = render_job(job(cancelled_by=ANN), SHIP, (record,), {}, SEEING)[0].content
    assert isinstance(content, JobContent)
    assert "cancellation requested by ann" in content.summary
    assert content.buttons == ()


def test_a_post_changes_exactly_when_what_it_shows_changes() -> None:
    """The digest is what decides whether an edit is needed."""
    one, two = (render_job(job(), SHIP, (run(text=text),), {}, SEEING)[0] for text in ("a", "b"))
    same = render_job(
        job(), SHIP, (run(text="other text that a queued run does not show"),), {}, SEEING
    )
    assert one.digest == two.digest == same[0].digest
    running = render_job(job(), SHIP, (run(state=State.RUNNING, text="a"),), {}, SEEING)[0]
    assert running.digest != one.digest
