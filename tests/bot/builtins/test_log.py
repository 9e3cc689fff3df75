"""`/log`: the whole output, for those who may read it."""

from __future__ import annotations

from typing import Any

import pytest

from baton.bus.messages import now
from bot.store import Store
from tests.bot.build import update
from tests.bot.counter import BEN, GUARDED, SECRET, Counter, broken, readers


@pytest.fixture
def counter(store: Store) -> Counter:
    return Counter(store)


@pytest.fixture
def guarded(store: Store) -> Counter:
    """People before a bot where prod is protected."""
    return Counter(store, GUARDED)


async def test_log_gives_the_whole_output(counter: Counter) -> None:
    """Every line of every server, as a document; of a job that said nothing, who is there."""
    job = (await counter.ask("ship shop staging")).job
    silent = (await counter.ask(f"log {job}")).answer
    assert silent is not None
    assert silent.summary == f"Job {job[:6]} (ship shop staging) produced no output."
    assert silent.rows == (("web-9", "queued", "", ""),)
    found = await counter.store.ledger.job(job)
    assert found is not None
    run: dict[str, Any] = {
        "job": job,
        "host": "web-9",
        "request": found[1][0].request,
        "environment": "staging",
    }
    said = [
        update(number, text=f"line {number}\nand more", step="build", **run) for number in (1, 2)
    ]
    await counter.store.ledger.apply_updates(said, now())
    reply = await counter.ask(f"log {job[:5]}")
    assert reply.answer is not None
    assert reply.answer.summary == f"ship shop staging, {job}: output of its server, times in UTC"
    lines = reply.answer.document.splitlines()
    assert [line[9:] for line in lines] == [
        "web-9 [build] line 1",
        "web-9 [build] and more",
        "web-9 [build] line 2",
        "web-9 [build] and more",
    ]
    assert (await counter.audit()).job == job
    one = (await counter.ask(f"log {job} --host web-9")).answer
    assert one is not None
    assert one.summary == f"ship shop staging, {job}: output of web-9, times in UTC"
    assert one.document == reply.answer.document
    other = await counter.ask(f"log {job} --host web-8")
    assert not other.ok
    assert f"Unknown server “web-8” in job {job[:6]}" in other.text


async def test_the_output_of_a_protected_job_needs_a_rule(guarded: Counter) -> None:
    """Its asker reads it, and whoever a rule lets; others are told the rule. Both are kept."""
    job = (await guarded.ask("ship shop prod")).job
    await guarded.store.ledger.apply_updates([update(1, text="secret", job=job)], now())
    assert (await guarded.ask(f"log {job}")).answer is not None
    assert (await guarded.ask(f"log {job}", BEN, groups=readers)).answer is not None
    refused = await guarded.ask(f"log {job}", BEN)
    assert not refused.ok
    assert refused.answer is None
    assert refused.text == (
        "Not allowed: /log shop in prod. prod is protected: looking at it needs a rule in "
        'baton.toml. Required rule: [[allow]] who = ["U_BEN"], commands = ["log"], '
        'environments = ["prod"], apps = ["shop"]. Ask #ops.'
    )
    entry = await guarded.audit()
    assert (entry.verdict, entry.job) == ("refused", job)
    unknown = await guarded.ask(f"log {job}", BEN, groups=broken)
    assert unknown.text.startswith("Your permissions cannot be checked now")
    assert (await guarded.audit()).verdict == "undecided"


async def test_a_private_job_is_not_read_from_elsewhere(guarded: Counter) -> None:
    """However open its environment; nothing of it is in the refusal."""
    job = (await guarded.ask("ship shop staging --ref hush", place=SECRET)).job
    refused = await guarded.ask(f"log {job}", BEN)
    assert refused.text.startswith(
        "Not allowed: /log shop in staging. It was requested in a private channel."
    )
    assert "hush" not in refused.text
    assert (await guarded.ask(f"log {job}", BEN, place=SECRET)).ok
    assert (await guarded.ask(f"log {job}")).ok
