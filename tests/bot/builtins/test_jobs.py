"""`/jobs`: the latest jobs, for those who may read of them."""

from __future__ import annotations

import pytest

from bot.store import Store
from tests.bot.counter import BEN, GUARDED, SECRET, Counter, broken, readers, table


@pytest.fixture
def counter(store: Store) -> Counter:
    return Counter(store)


@pytest.fixture
def guarded(store: Store) -> Counter:
    """People before a bot where prod is protected."""
    return Counter(store, GUARDED)


async def test_jobs_and_audit_show_the_latest(counter: Counter) -> None:
    """Who asked what, where, and how it went."""
    job = (await counter.ask("ship shop prod")).job
    await counter.ask("hail staging", BEN)
    await counter.ask("ship shop nowhere")
    assert (await counter.ask("jobs nowhere")).text == "No jobs in nowhere yet."
    jobs = (await counter.ask("jobs prod")).answer
    assert jobs is not None
    assert [(row[0], row[2], row[3], row[4]) for row in jobs.rows] == [
        (job[:6], "ship shop prod", "ann", "queued")
    ]
    audit = (await counter.ask("audit --last 6")).answer
    assert audit is not None
    assert [row[1:] for row in audit.rows] == [
        ("ann", "ops", "audit --last 6", "answered"),
        ("ann", "ops", "jobs prod", "answered"),
        ("ann", "ops", "jobs nowhere", "answered"),
        ("ann", "ops", "ship shop nowhere", "unusable"),
        ("ben", "ops", "hail staging", "allowed"),
        ("ann", "ops", "ship shop prod", "allowed"),
    ]


async def test_jobs_leaves_out_what_may_not_be_read(guarded: Counter) -> None:
    """Protected environments and private channels; how many is said, and why."""
    await guarded.ask("ship shop prod")
    await guarded.ask("ship shop staging")
    await guarded.ask("hail staging", place=SECRET)
    summary, rows = table(await guarded.ask("jobs", BEN))
    assert [row[2] for row in rows] == ["ship shop staging"]
    assert summary == ("The latest jobs: 1; 2 jobs left out: you are not allowed to read them")
    summary, rows = table(await guarded.ask("jobs", BEN, place=SECRET))
    assert [row[2] for row in rows] == ["hail staging", "ship shop staging"]
    assert "1 job left out: you are not allowed to read it" in summary
    summary, rows = table(await guarded.ask("jobs", BEN, groups=readers))
    assert len(rows) == 3
    summary, rows = table(await guarded.ask("jobs prod", BEN, groups=broken))
    assert rows == []
    assert "1 job left out: your user groups could not be looked up" in summary
