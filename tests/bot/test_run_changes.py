from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.bus.messages import Pong, State, Update
from bot.jobs import RunRecord, job_state
from bot.run_changes import GRACE, apply, close, close_if_overdue, ends_at
from tests.bot.build import after, pong, run, update

messages = st.lists(
    st.one_of(
        st.builds(
            update, st.integers(1, 6), st.sampled_from([s for s in State if s is not State.QUEUED])
        ),
        st.just(pong()),
    ),
    max_size=12,
)


def heard(record: RunRecord, *said: Update | Pong) -> RunRecord:
    for seconds, message in enumerate(said, start=1):
        applied = apply(record, message, after(seconds))
        record = applied.run if applied else record
    return record


@given(messages)
def test_a_run_ends_once(said: list[Update | Pong]) -> None:
    """Whatever is heard, in whatever order and how often: the first final state stays."""
    record, ended = run(state=State.SENT), None
    for message in said:
        record = heard(record, message)
        if ended is None and record.state.final:
            ended = record.state
            assert record.finished is not None
        assert ended is None or record.state is ended


def test_what_was_heard_before_changes_nothing() -> None:
    """An update is applied once, however often the bus delivers it."""
    record = heard(run(state=State.SENT), update(1, text="fetching"), update(2, text="building"))
    assert apply(record, update(2, text="building"), after(9)) is None
    assert apply(record, update(1, text="fetching"), after(9)) is None


def test_headlines_have_no_colours() -> None:
    """What is output keeps them; what stands in a line of ours does not."""
    said = update(1, text="\x1b[31mfetching\x1b[0m", step="\x1b[1mfetch")
    applied = apply(run(state=State.SENT), said, after(1))
    assert applied is not None
    assert (applied.run.text, applied.run.step) == ("fetching", "fetch")
    assert applied.output == said.text


def test_a_run_does_not_go_backwards() -> None:
    """`accepted` that comes after `running` does not undo it."""
    record = heard(run(), update(1), update(2, State.ACCEPTED))
    assert record.state is State.RUNNING


def test_a_late_end_is_kept_beside_the_first() -> None:
    """A run given up as lost whose agent then says that it succeeded: both are known."""
    record = close(run(state=State.RUNNING), State.LOST, "not heard", after(1000))
    record = heard(record, update(5, State.SUCCEEDED))
    assert (record.state, record.late) == (State.LOST, State.SUCCEEDED)


def test_a_pong_ends_a_run_with_its_facts() -> None:
    """Who answers a ping has succeeded."""
    record = heard(run(state=State.SENT, sent=after(0)), pong())
    assert record.state is State.SUCCEEDED
    assert record.facts["host"] == "web-1"
    assert record.report().seconds == 1.0


@pytest.mark.parametrize(
    ("record", "end", "text"),
    [
        (run(), State.EXPIRED, "not sent"),
        (run(state=State.SENT), State.EXPIRED, "did not accept it"),
        (run(state=State.RUNNING, started=after(0)), State.LOST, "nothing was received since"),
    ],
)
def test_no_run_stays_open_for_ever(record: RunRecord, end: State, text: str) -> None:
    """Past its deadline and some grace, the ledger itself closes what is left, and says why."""
    limit = ends_at(record)
    assert limit is not None
    assert not close_if_overdue(record, limit - (after(1) - after(0)), after(0)).state.final
    closed = close_if_overdue(record, limit, after(0))
    assert closed.state is end
    assert text in closed.text


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(7200.0, 7200.0), (5, 5.0), (None, 900.0), ("7200", 900.0), (-1, 900.0), (1e9, 900.0)],
)
def test_a_run_may_take_as_long_as_its_server_says(said: object, seconds: float) -> None:
    """The settings of a server know its steps; what is no number of seconds counts for nothing."""
    facts: dict[str, Any] = {"ends_within": said}
    record = run(state=State.RUNNING, started=after(0), timeout=900.0, facts=facts)
    assert ends_at(record) == after(seconds + GRACE)


@pytest.mark.parametrize(
    ("record", "unsent"),
    [
        (run(state=State.EXPIRED), True),
        (run(state=State.EXPIRED, sent=after(1)), False),
        # it was sent, and the bot died before it could note that
        (run(state=State.EXPIRED, started=after(1), sequence=2), False),
        (run(state=State.UNROUTABLE), False),
        (run(state=State.CANCELLED), False),
        (run(), False),
    ],
)
def test_a_request_that_never_left_the_bot_is_known_as_such(
    record: RunRecord, unsent: bool
) -> None:
    """It says nothing of its server."""
    assert (record.unsent, record.report().sent) == (unsent, not unsent)


def test_blind_is_not_lost() -> None:
    """While our own link is gone, and a little after it came back, no run is given up."""
    record = run(state=State.SENT)
    late = after(500)
    assert not close_if_overdue(record, late, None).state.final
    assert not close_if_overdue(record, late, after(499)).state.final
    sent = replace(record, sent=after(0))
    given_up = close_if_overdue(sent, late, after(499 - GRACE))
    assert given_up.state is State.EXPIRED
    assert given_up.text.endswith("had no link to RabbitMQ until 03:08:04 UTC")
    seen = close_if_overdue(sent, late, after(-10))
    assert (seen.state, seen.text) == (State.EXPIRED, "the agent did not accept it in time")


def test_a_job_is_as_good_as_its_worst_run() -> None:
    """Running while anything runs; then the worst end counts."""
    assert job_state([run(state=State.SENT)]) is State.SENT
    assert job_state([run(state=State.SUCCEEDED, started=after(1)), run()]) is State.RUNNING
    assert job_state([run(state=State.SUCCEEDED), run(state=State.FAILED)]) is State.FAILED
