"""The thread on a terminal: each thing once, in order, the end last."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from baton.bus.messages import State
from bot.content import FLEET, FleetContent, Group, JobContent, OutputContent, Row
from bot.fronts.terminal.lines import Line, text_of
from bot.fronts.terminal.thread import JobThread, live

RUNNING = JobContent(
    title="deploy shop prod",
    asked_by="U_ANN",
    summary="0 of 2 done",
    state=State.RUNNING,
    rows=(Row("web-1", State.RUNNING, "fetching", 30), Row("web-2", State.SENT)),
    job="7k2m9x00",
)
ENDED = dataclasses.replace(
    RUNNING,
    summary="v2 on 2 of 2, after 3 s",
    state=State.SUCCEEDED,
    rows=(Row("web-1", State.SUCCEEDED, "v2 is live"), Row("web-2", State.SUCCEEDED, "v2 is live")),
)


def output(host: str, *lines: str, hidden: int = 0, end: str = "") -> OutputContent:
    state = State.SUCCEEDED if end else State.RUNNING
    headline = end or "step"
    return OutputContent(host, state, headline, "\n".join(lines), hidden, "7k2m9x00")


def texts(lines: list[Line]) -> list[str]:
    return [text_of(line) for line in lines]


def test_job_begins_with_who_asked_what() -> None:
    """The first line names the asker, the command and the job; it is printed once."""
    thread = JobThread(RUNNING)
    assert texts(thread.job_lines(RUNNING)) == ["▶ running 7k2m9x  U_ANN ran: deploy shop prod"]
    assert thread.job_lines(RUNNING) == []


def test_a_running_job_shows_its_page_where_it_fits() -> None:
    """Beside its name, whole or not at all: half an address leads nowhere."""
    page = "http://127.0.0.1:8080/jobs/7k2m9x00"
    thread = JobThread(dataclasses.replace(RUNNING, page=page))
    head = "▶ running 7k2m9x  deploy shop prod  0 of 2 done"
    assert text_of(thread.live(100, 10)[0]) == f"{head}  {page}"
    assert text_of(thread.live(60, 10)[0]) == head


def test_a_day_of_a_schedule_is_no_job() -> None:
    """It names the schedule, and its summary alone says how its day went."""
    day = JobContent(
        "ping prod, every 5m", "ann", "2026-11-24: 1 succeeded", State.SUCCEEDED, schedule="pt514r"
    )
    assert texts(JobThread(day).job_lines(day)) == [
        "✓ pt514r  ann scheduled: ping prod, every 5m",
        "✓ pt514r  2026-11-24: 1 succeeded",
    ]


def test_each_output_line_once() -> None:
    """An edit prints only what is new in it."""
    thread = JobThread(RUNNING)
    assert texts(thread.output_lines(output("web-1", "a", "b"))) == ["  web-1 │ a", "  web-1 │ b"]
    assert thread.output_lines(output("web-1", "a", "b")) == []
    assert texts(thread.output_lines(output("web-1", "b", "", "c", hidden=1))) == [
        "  web-1 │",
        "  web-1 │ c",
    ]


def test_lines_that_went_by_are_counted_or_filled_in() -> None:
    """If the tail has jumped it is said how many lines are missing, or they are put in."""
    thread = JobThread(RUNNING)
    thread.output_lines(output("web-1", "a"))
    late = output("web-1", "d", hidden=3)
    assert thread.missed(late) == (1, 3)
    assert texts(thread.output_lines(late)) == [
        "  web-1 │ … 2 lines not shown: /log 7k2m9x",
        "  web-1 │ d",
    ]
    other = JobThread(RUNNING)
    other.output_lines(output("web-1", "a"))
    assert texts(other.output_lines(late, ["b", "c"])) == [
        "  web-1 │ b",
        "  web-1 │ c",
        "  web-1 │ d",
    ]


def test_end_of_the_job_comes_last() -> None:
    """However the edits come, a server's end follows its output, and the job's end all servers."""
    thread = JobThread(RUNNING)
    thread.job_lines(RUNNING)
    thread.output_lines(output("web-1", "a"))
    thread.output_lines(output("web-2", "a"))
    assert thread.job_lines(ENDED) == []
    assert texts(thread.output_lines(output("web-2", "a", end="v2 is live"))) == [
        "  web-2 ✓ succeeded: v2 is live"
    ]
    assert texts(thread.output_lines(output("web-1", "a", "b", end="v2 is live"))) == [
        "  web-1 │ b",
        "  web-1 ✓ succeeded: v2 is live",
        "✓ succeeded 7k2m9x  v2 on 2 of 2, after 3 s",
    ]
    assert thread.over
    assert thread.job_lines(ENDED) == []


def test_output_that_comes_after_the_end_of_the_job_is_waited_for() -> None:
    """The job's post names those whose output is still to come: its end is printed after them."""
    thread = JobThread(RUNNING)
    thread.job_lines(RUNNING)
    assert thread.job_lines(dataclasses.replace(ENDED, shown_in_thread=("web-1",))) != []
    assert not thread.over
    assert texts(thread.output_lines(output("web-1", "a", end="v2 is live"))) == [
        "  web-1 │ a",
        "  web-1 ✓ succeeded: v2 is live",
        "✓ succeeded 7k2m9x  v2 on 2 of 2, after 3 s",
    ]


def test_groups_of_many_servers_are_printed_once() -> None:
    """What is new in their post, and before the end of the job."""
    thread = JobThread(RUNNING)
    thread.job_lines(RUNNING)
    failed = Group(State.FAILED, "1 failed: exit code 1", "web-9", "web-9", "no space", 3)
    common = Group(State.SUCCEEDED, "299 succeeded with the same output", "web-1", "web-1", "ok")
    fleet = FleetContent(State.RUNNING, "1 failed of 300", (failed,), job="7k2m9x00")
    assert texts(thread.fleet_lines(fleet)) == [
        "  ✗ 1 failed: exit code 1  (web-9)",
        "  web-9 │ no space",
    ]
    assert (
        texts(thread.job_lines(dataclasses.replace(ENDED, rows=(), shown_in_thread=(FLEET,)))) == []
    )
    fleet = dataclasses.replace(fleet, state=State.SUCCEEDED, groups=(failed, common))
    assert texts(thread.fleet_lines(fleet)) == [
        "  ✓ 299 succeeded with the same output  (web-1)",
        "  web-1 │ ok",
        "✓ succeeded 7k2m9x  v2 on 2 of 2, after 3 s",
    ]


def test_servers_that_said_nothing_end_too() -> None:
    """A server without output is told of by its row; a later word of it is told as well."""
    thread = JobThread(RUNNING)
    lost = dataclasses.replace(
        ENDED,
        state=State.UNROUTABLE,
        summary="2 of 2 done",
        rows=(Row("web-1", State.SUCCEEDED, "ok"), Row("web-2", State.UNROUTABLE, "nobody there")),
    )
    assert texts(thread.job_lines(lost))[1:] == [
        "  web-1 ✓ succeeded: ok",
        "  web-2 ! unroutable: nobody there",
        "! unroutable 7k2m9x  2 of 2 done",
    ]
    late = Row("web-2", State.UNROUTABLE, "nobody there (reported later: succeeded)")
    again = dataclasses.replace(lost, rows=(lost.rows[0], late))
    assert texts(thread.job_lines(again)) == [
        "  web-2 ! unroutable: nobody there (reported later: succeeded)"
    ]


def test_live_fits_the_screen() -> None:
    """A bar for each server that runs, a word for each that does not; cut to the room there is."""
    thread = JobThread(RUNNING)
    assert texts(thread.live(80, 10)) == [
        "▶ running 7k2m9x  deploy shop prod  0 of 2 done",
        "  web-1  ━━━━━━──────────────  30 %  ▶ running  fetching",
        "  web-2  … sent",
    ]
    assert max(len(text_of(line)) for line in thread.live(30, 10)) <= 30
    many = dataclasses.replace(
        RUNNING, rows=tuple(Row(f"web-{number}", State.SENT) for number in range(20))
    )
    crowd = live([JobThread(many), JobThread(many)], 80, 6)
    assert len(crowd) == 6
    assert text_of(crowd[-1]) == "  and 16 more servers"


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 12)), max_size=8))
def test_any_tails_tell_each_line_once_in_order(edits: list[tuple[int, int]]) -> None:
    """Whatever tails of a growing output are shown, with what is between filled in: every line up
    to the last is printed once, in order."""
    thread, told, said = JobThread(RUNNING), [], 0
    for more, tail in edits:
        said += more
        hidden = max(said - tail, 0)
        content = output("web-1", *(str(number) for number in range(hidden, said)), hidden=hidden)
        first, until = thread.missed(content)
        between = [str(number) for number in range(first, until)]
        told += texts(thread.output_lines(content, between))
    assert told == [f"  web-1 │ {number}" for number in range(said)]
