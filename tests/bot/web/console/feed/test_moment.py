"""A job as it was: by the times of its runs, and what they had said by then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from baton.bus.messages import State
from bot.jobs import RunRecord
from bot.store import Store
from bot.store.jobs.news import Said
from bot.web.console.feed.moment import job_at, run_at
from tests.bot.store.build import asked, deploy, later, run_of, update

RUN = RunRecord(
    "j",
    "web-1",
    "r",
    1,
    later(60),
    900.0,
    State.FAILED,
    text="exit 1",
    step="build",
    percent=40,
    sent=later(10),
    started=later(20),
    finished=later(30),
    late=State.SUCCEEDED,
)
SAID = Said(7, "fetch", "fetching")


@pytest.mark.parametrize(
    ("seconds", "state", "step", "text", "lines"),
    [
        (9, State.QUEUED, "", "", 0),
        (10, State.SENT, "", "", 0),
        (20, State.RUNNING, "fetch", "fetching", 7),
        (29, State.RUNNING, "fetch", "fetching", 7),
        (30, State.FAILED, "build", "exit 1", 7),
    ],
)
def test_a_run_as_it_was(seconds: int, state: State, step: str, text: str, lines: int) -> None:
    """Each state begins at its moment; what came later is not there yet."""
    then = run_at(RUN, SAID, later(seconds))
    assert (then.run.state, then.run.step, then.run.text, then.lines) == (state, step, text, lines)
    assert (then.run.finished is None) == (seconds < 30)
    assert (then.run.started is None) == (seconds < 20)
    assert (then.run.sent is None) == (seconds < 10)


def test_a_run_that_never_began() -> None:
    """It is closed by the ledger, at a moment too."""
    run = replace(RUN, state=State.EXPIRED, started=None)
    assert run_at(run, Said(), later(29)).run.state is State.SENT
    assert run_at(run, Said(), later(31)).run.state is State.EXPIRED


async def test_what_runs_had_said(store: Store) -> None:
    """By the clock of the servers: the lines, the step of the last one, and the last text that is
    no line of a program."""
    new = await asked(store, deploy("web-1", "web-2"))
    said = [
        update(new, "web-1", 1, State.RUNNING, text="fetching", step="fetch"),
        update(new, "web-1", 2, State.RUNNING, text="a\nb", step="build", level="log"),
        update(new, "web-1", 3, State.SUCCEEDED, text="done"),
        update(new, "web-2", 1, State.RUNNING, text="x", level="log"),
    ]
    await store.ledger.apply_updates(said, later(3))
    job = new.job.id
    assert await store.ledger.said(job, later(0)) == {}
    assert await store.ledger.said(job, later(2)) == {
        ("web-1", 1): Said(3, "build", "fetching"),
        ("web-2", 1): Said(1, "", ""),
    }
    found = await store.ledger.job(job)
    assert found is not None
    then, runs = job_at(*found, await store.ledger.said(job, later(9)), later(9))
    assert then.closed is None
    assert [each.lines for each in runs] == [4, 1]
    assert (await run_of(store, new, "web-1")).state is State.SUCCEEDED
