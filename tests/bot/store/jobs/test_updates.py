"""What servers say: applied once, in order, and a run ends once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baton.bus.facts import Facts
from baton.bus.messages import Pong, State, Update, now
from bot.jobs import NewJob, RunRecord, Tail
from bot.store import Store
from tests.bot.store.build import (
    BEN,
    T0,
    asked,
    deploy,
    job_of,
    later,
    ping,
    pong,
    run_of,
    taken_up,
    update,
)


async def test_a_run_follows_its_server(store: Store) -> None:
    """State, step, text, percent and facts are those of the last word; the job is over with its
    last run."""
    new = await asked(store, deploy("web-1", "web-2"))
    words = [
        update(new, "web-1", 1, State.ACCEPTED),
        update(new, "web-1", 2, State.RUNNING, text="fetching", step="fetch", percent=20),
        update(new, "web-1", 3, State.SUCCEEDED, text="done", facts={"release": "r1"}),
    ]

    assert await store.ledger.apply_updates(words, later(5)) == {new.job.id}

    run = await run_of(store, new, "web-1")
    assert (run.state, run.text, run.step, run.percent) == (State.SUCCEEDED, "done", "fetch", 20)
    assert (run.started, run.finished, run.sequence) == (later(5), later(5), 3)
    assert run.facts == {"release": "r1"}
    assert (await job_of(store, new)).closed is None
    await store.ledger.apply_updates([update(new, "web-2", 1, State.FAILED)], later(6))
    assert (await job_of(store, new)).closed == later(6)


async def test_what_was_heard_before_changes_nothing(store: Store) -> None:
    """A message that comes again, from the broker or an agent's journal, leaves all as it is."""
    new = await asked(store, deploy("web-1"))
    words = [
        update(new, "web-1", 1, State.RUNNING, text="a"),
        update(new, "web-1", 2, State.FAILED),
    ]
    await store.ledger.apply_updates(words, later(5))
    before = await store.ledger.job(new.job.id)

    assert await store.ledger.apply_updates([*words, *words], later(9)) == set()

    assert await store.ledger.job(new.job.id) == before
    assert len(await store.ledger.output(new.job.id)) == 1


async def test_a_late_word_is_kept_and_shown_again(store: Store) -> None:
    """After the end the state stays; the other end is kept, and the job has to be told anew."""
    new = await asked(store, deploy("web-1"))
    await store.ledger.close_overdue(later(500), T0)
    job = await job_of(store, new)
    assert await store.ledger.mark_reported({job.id: job.revision})

    await store.ledger.apply_updates([update(new, "web-1", 1, State.SUCCEEDED)], later(600))

    run = await run_of(store, new, "web-1")
    assert (run.state, run.late) == (State.EXPIRED, State.SUCCEEDED)
    assert job.id in await store.ledger.unreported()


async def test_told_is_said_only_of_what_was_shown(store: Store) -> None:
    """A job that changed while its posts were being made stays untold."""
    new = await asked(store, deploy("web-1"))
    seen = await job_of(store, new)
    await store.ledger.apply_updates([update(new, "web-1", 1, State.SUCCEEDED)], later(5))

    assert not await store.ledger.mark_reported({seen.id: seen.revision})
    job = await job_of(store, new)
    assert await store.ledger.unreported() == {job.id: job.revision}
    assert await store.ledger.mark_reported({job.id: job.revision})
    assert await store.ledger.unreported() == {}
    assert (await job_of(store, new)).reported


async def test_a_server_that_nobody_knew_joins_a_broadcast(store: Store) -> None:
    """A ping is answered by whoever hears it; a request to one server only by that server."""
    new = await asked(store, ping("web-1"))
    other = await asked(store, deploy("web-1"))

    changed = await store.ledger.apply_updates(
        [
            pong(new, "web-7"),
            update(other, "web-7", 1, State.SUCCEEDED),
            update(new, "web-8", 1, State.RUNNING, text="hm"),
        ],
        later(2),
    )

    assert changed == {new.job.id}
    joined = await run_of(store, new, "web-7")
    assert (joined.state, joined.sent, joined.finished) == (State.SUCCEEDED, later(1), later(2))
    assert (await run_of(store, new, "web-8")).state is State.RUNNING
    found = await store.ledger.job(other.job.id)
    assert found is not None
    assert [run.host for run in found[1]] == ["web-1"]


async def test_what_belongs_to_no_job_harms_no_other_message(store: Store) -> None:
    """Unknown jobs and senseless values are passed over; the messages beside them count."""
    new = await asked(store, deploy("web-1"))
    good = update(new, "web-1", 1, State.SUCCEEDED, text="done \0 \ud800")
    strange: list[Update | Pong] = [
        good.model_copy(update={"job": "nothing"}),
        good.model_copy(update={"job": "noth\0ing"}),
        good.model_copy(update={"host": "web\0-1"}),
        good.model_copy(update={"host": "w" * 300}),
        good.model_copy(update={"attempt": 2**40}),
        good.model_copy(update={"attempt": 2}),
        good.model_copy(update={"sequence": 2**70}),
        Pong(job="nothing", request="r", facts=Facts(host="web-1", environment="prod")),
    ]

    assert await store.ledger.apply_updates([*strange, good, *strange], later(2)) == {new.job.id}

    run = await run_of(store, new, "web-1")
    assert (run.state, run.text) == (State.SUCCEEDED, "done � ?")


async def test_many_answers_to_many_jobs_at_once(store: Store) -> None:
    """More messages than one statement takes, of more jobs than one: none is lost."""
    jobs = [await asked(store, deploy("web-1", "web-2")) for _ in range(3)]
    big = await asked(store, ping(*(f"web-{number}" for number in range(1200))))
    words: list[Update | Pong] = [pong(big, run.host) for run in big.runs]
    for new in jobs:
        words += [update(new, host, 1, State.SUCCEEDED) for host in ("web-1", "web-2")]

    changed = await store.ledger.apply_updates(words, later(2))

    assert changed == {big.job.id, *(new.job.id for new in jobs)}
    for new in (big, *jobs):
        found = await store.ledger.job(new.job.id)
        assert found is not None
        assert found[0].closed == later(2)
        assert {run.state for run in found[1]} == {State.SUCCEEDED}


async def test_two_bots_at_one_job_lose_nothing(store: Store, other: Store) -> None:
    """Whatever two bots do to a job at the same time, each change builds on the other."""
    new = await asked(store, deploy(*(f"web-{number}" for number in range(8))), sent=False)
    sent = taken_up(new.outbox, later(1))
    words = [update(new, run.host, 1, State.RUNNING, text="at it") for run in new.runs]
    ends = [update(new, run.host, 2, State.SUCCEEDED, text="done") for run in new.runs]

    await asyncio.gather(
        store.ledger.settle(sent, at=later(1)),
        other.ledger.settle(sent, at=later(1)),
        *(store.ledger.apply_updates([word], later(2)) for word in words),
        *(other.ledger.apply_updates([word], later(2)) for word in words),
        store.ledger.cancel(new.job.id, BEN, later(2)),
        other.ledger.close_overdue(later(2), T0),
    )
    await asyncio.gather(
        *((store, other)[n % 2].ledger.apply_updates([end], later(3)) for n, end in enumerate(ends))
    )

    found = await store.ledger.job(new.job.id)
    assert found is not None
    assert found[0].closed is not None
    assert all(run.state.final and run.sequence == 2 for run in found[1])
    assert len(await store.ledger.output(new.job.id)) == 16


async def test_output_is_kept_whole_and_its_end_is_cheap(store: Store) -> None:
    """All that was said can be read; the tail gives whole lines, and counts those before it."""
    new = await asked(store, deploy("web-1", "web-2"))
    words = [
        update(new, "web-1", n, State.RUNNING, level="log", step="build", text=f"a{n}\nb{n}")
        for n in range(1, 101)
    ]
    await store.ledger.apply_updates(
        [*words, update(new, "web-2", 1, State.RUNNING, text="x" * 50)], T0
    )

    pieces = await store.ledger.output(new.job.id, "web-1")
    tails = await store.ledger.tails(new.job.id, 20)

    assert "\n".join(piece.text for piece in pieces) == "\n".join(
        f"a{n}\nb{n}" for n in range(1, 101)
    )
    assert (pieces[0].level, pieces[0].step, pieces[0].time) == ("log", "build", later(1))
    assert len(await store.ledger.output(new.job.id)) == 101
    assert tails["web-1"].text == "a99\nb99\na100\nb100"
    assert tails["web-1"].hidden == 200 - 4
    assert (tails["web-2"].text, tails["web-2"].hidden) == ("x" * 20, 0)
    assert await store.ledger.tails(new.job.id, 20, ["web-2"]) == {"web-2": tails["web-2"]}


async def test_the_tail_has_no_colours_and_the_output_has(store: Store) -> None:
    """Posts compare and show the tail as text. An escape without an end hides its own line only."""
    new = await asked(store, deploy("web-1"))
    text = "\x1b[0;31mred\x1b[0m\n\x1b]0;open\nlast"
    await store.ledger.apply_updates(
        [update(new, "web-1", 1, State.RUNNING, level="log", text=text)], T0
    )

    assert (await store.ledger.tails(new.job.id))["web-1"] == Tail("web-1", 1, "red\n\nlast", 0)
    assert [piece.text for piece in await store.ledger.output(new.job.id)] == [text]


async def test_the_tail_is_that_of_the_last_attempt(store: Store) -> None:
    """A second attempt's output stands for its host; the first one's is still there to be read."""
    new = deploy("web-1")
    again = replace(new.runs[0], attempt=2)
    await asked(store, NewJob(new.job, (*new.runs, again), new.outbox))
    words = [
        update(new, "web-1", 1, State.FAILED, text="first"),
        update(new, "web-1", 1, State.RUNNING, text="second", attempt=2),
    ]
    await store.ledger.apply_updates(words, later(2))

    assert await store.ledger.tails(new.job.id) == {"web-1": Tail("web-1", 2, "second", 0)}
    assert [piece.text for piece in await store.ledger.output(new.job.id)] == ["first", "second"]


async def test_the_tail_reads_only_the_end(store: Store) -> None:
    """However much was said before, the end comes at once and whole."""
    new = await asked(store, deploy("web-1"))
    line = "x" * 79
    for start in range(1, 501, 100):
        await store.ledger.apply_updates(
            [
                update(new, "web-1", n, State.RUNNING, level="log", text="\n".join([line] * 100))
                for n in range(start, start + 100)
            ],
            T0,
        )

    (tail,) = (await store.ledger.tails(new.job.id, 800)).values()

    assert tail.text == "\n".join([line] * 10)
    assert tail.hidden == 50_000 - 10


STATES = st.sampled_from([state for state in State if state not in (State.QUEUED, State.SENT)])
WORDS = st.lists(st.tuples(st.integers(1, 6), STATES, st.booleans()), max_size=12)


@pytest.mark.slow
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(words=WORDS, batch=st.integers(1, 4), cancelled=st.integers(0, 12))
def test_a_run_has_one_end_whatever_is_heard(
    tmp_path: Path, words: list[tuple[int, State, bool]], batch: int, cancelled: int
) -> None:
    """Whatever comes twice, too late or in any order: once a run has ended its state never changes,
    and after its time it has ended."""

    async def live() -> None:
        store = await Store.open(f"sqlite:///{tmp_path}/baton.db")
        try:
            new = await asked(store, deploy("web-1", asked=now()))
            end: RunRecord | None = None
            for start in range(0, len(words), batch):
                if start <= cancelled < start + batch:
                    await store.ledger.cancel(new.job.id, BEN, later(2))
                said = [update(new, "web-1", n, s) for n, s, _ in words[start : start + batch]]
                twice = [m for m, w in zip(said, words[start:], strict=False) if w[2]]
                await store.ledger.apply_updates([*said, *twice], later(3))
                run = await run_of(store, new, "web-1")
                _stays(end, run)
                end = run if run.state.final else None
                assert ((await job_of(store, new)).closed is not None) == run.state.final
            await store.ledger.close_overdue(now().replace(year=2100), T0)
            run = await run_of(store, new, "web-1")
            assert run.state.final
            _stays(end, run)
        finally:
            await store.close()

    asyncio.run(live())


def _stays(end: RunRecord | None, run: RunRecord) -> None:
    if end is not None:
        assert replace(run, late=end.late, sequence=end.sequence) == end
