"""The dispatcher: what is typed becomes a job, an answer, or a plain no."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from baton.bus.channel import Link
from baton.bus.messages import Person, now
from bot.dispatch.reply import Reply
from bot.jobs import Job
from bot.store import PostRow, Store
from tests.bot.build import ANN, OPS
from tests.bot.counter import BEN, GUEST, SHUT, Counter
from tests.bot.world import away, no_groups


@pytest.fixture
def counter(store: Store) -> Counter:
    return Counter(store)


@pytest.mark.parametrize(
    "text",
    [
        "ship shop prod.",
        "hail prod!",
        "`ship shop prod`",
        "*ship shop prod*",
        "ship\u3000shop\u00a0prod\u200e",
        "ship shop prod --host web-1.",
        "help ship.",
        "servers?",
    ],
)
async def test_what_surrounds_a_command_is_no_part_of_it(counter: Counter, text: str) -> None:
    """Marks round the whole, spaces of every kind, and a full stop where the word without it is
    known."""
    assert (await counter.ask(text)).ok


async def test_what_a_key_began_is_known(counter: Counter) -> None:
    """By its words; what was refused or only answered began nothing. A cancel in a thread too."""
    for key, text in (("k1", "hail nowhere"), ("k2", "jobs"), ("k3", "ship shop prod")):
        await counter.ask(text, key=key)
    assert await counter.dispatcher.started_by("k1") is None
    assert await counter.dispatcher.started_by("k2") is None
    begun = await counter.dispatcher.started_by("k3")
    assert begun is not None
    assert (begun.words, bool(begun.job)) == ("ship shop prod", True)
    posts, job = counter.store.posts, begun.job
    await posts.claim(PostRow(job, job, "slack", OPS.channel, now()))
    await posts.mark_shown(job, "ts-1", "digest", now())
    thread = replace(OPS, thread="ts-1")
    await counter.dispatcher.ask_in_thread("cancel", thread, asker=ANN, groups=no_groups, key="k4")
    assert await counter.dispatcher.started_by("k4") is not None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "No command was given."),
        ("shipp shop prod", "Unknown command “shipp”. Did you mean ship?"),
        ("ship shop", "ENVIRONMENT is missing."),
        ("ship shop prod now", "Unexpected argument “now”."),
        ("ship ../etc prod", "APP: invalid value “../etc”"),
        ("ship shop prdo", "Did you mean prod?"),
        ("ship shpo prod", "No server of prod runs “shpo”. Did you mean shop?"),
        ("ship shop prod --host web-7", "Unknown server “web-7”."),
        ("cancel", "JOB is missing."),
        ("cancel ../x", "it must be the ID shown in the job's post"),
        ("cancel 0000", "No job, or more than one, matches “0000”"),
        ("log zzzz", "No job, or more than one, matches “zzzz”"),
        ("help nothing", "Unknown command “nothing”."),
        ("audit --last 0", "--last: invalid value “0”"),
    ],
)
async def test_bad_input_gets_one_message_and_begins_nothing(
    counter: Counter, text: str, says: str
) -> None:
    """It names what was wrong and what is known; it is kept for audit, and nothing else is."""
    reply = await counter.ask(text)
    assert not reply.ok
    assert says in reply.text
    assert not reply.job
    assert (await counter.audit()).verdict == "unusable"
    assert (await counter.audit()).words == text
    assert await counter.store.ledger.recent() == []
    assert counter.woken == []


async def test_a_server_may_be_unknown_because_the_bot_is_blind(counter: Counter) -> None:
    """Who names a server that we never heard reads that we cannot hear; who mistypes does not."""
    counter.servers.link_changed(Link.DOWN)
    assert "no connection to RabbitMQ since" in (await counter.ask("ship shop prdo")).text
    assert "RabbitMQ" not in (await counter.ask("ship shop")).text


async def test_what_is_allowed_becomes_a_job(counter: Counter) -> None:
    """The job, its runs, what is to be sent and the audit entry are there; others are woken."""
    reply = await counter.ask("/ship shop prod --ref v2")
    assert reply.ok
    assert counter.woken == [reply.job]
    found = await counter.store.ledger.job(reply.job)
    assert found is not None
    assert found[0].title == "ship shop prod --ref v2"
    assert [run.host for run in found[1]] == ["web-1", "web-2"]
    assert len(await counter.store.ledger.outbox()) == 2
    entry = await counter.audit()
    assert (entry.verdict, entry.job, entry.environment) == ("allowed", reply.job, "prod")
    assert (entry.person, entry.place.name) == (ANN, "ops")


async def test_a_refusal_names_the_missing_rule_and_is_kept(store: Store) -> None:
    """Nothing is sent; the one who asks reads which rule is missing and whom to ask."""
    counter = Counter(store, SHUT)
    reply = await counter.ask("ship shop prod")
    assert not reply.ok
    assert 'who = ["U_ANN"], commands = ["ship"], environments = ["prod"]' in reply.text
    assert "Ask #ops." in reply.text
    entry = await counter.audit()
    assert (entry.verdict, entry.environment, entry.job) == ("refused", "prod", "")
    assert entry.reason == reply.text
    assert await store.ledger.recent() == []
    assert (await counter.ask("ship shop staging")).ok


async def test_the_same_key_is_the_same_ask(counter: Counter) -> None:
    """What a front end delivers twice begins one job and is kept once."""
    first = await counter.ask("ship shop prod", key="twice")
    second = await counter.ask("ship shop prod", key="twice")
    assert first.job == second.job
    assert len(await counter.store.ledger.recent()) == 1
    kept = await counter.store.audit.recent(10)
    assert [entry.job for entry in kept] == [first.job]


async def test_a_key_that_was_refused_is_judged_anew(store: Store) -> None:
    """A refusal is no job: when the rule is there, the same delivery may begin one."""
    assert not (await Counter(store, SHUT).ask("ship shop prod", key="again")).ok
    assert (await Counter(store).ask("ship shop prod", key="again")).ok


@pytest.mark.parametrize("text", ["ship shop prod", "hail prod", "cancel abcd", "jobs", "audit"])
async def test_without_the_database_nothing_is_done_and_that_is_said(
    counter: Counter, text: str
) -> None:
    """The reply says what is wrong and that nothing became of the ask."""
    with away(counter.store):
        reply = await counter.ask(text)
        assert not reply.ok
        assert reply.text.startswith("Nothing was done: The database")
        assert "its disk is full" in reply.text
        assert counter.woken == []
    assert await counter.store.ledger.recent() == []


async def test_without_the_database_what_needs_none_is_still_answered(store: Store) -> None:
    """A mistake is explained, a refusal given and the servers shown."""
    counter = Counter(store, SHUT)
    with away(store):
        assert "is missing" in (await counter.ask("ship shop")).text
        assert "Not allowed: /ship shop in prod." in (await counter.ask("ship shop prod")).text
        assert (await counter.ask("servers")).ok
        assert "/ship APP ENVIRONMENT" in (await counter.ask("help")).text


@pytest.mark.slow
async def test_cancel_in_a_thread_means_the_job_that_is_shown_there(counter: Counter) -> None:
    """Nothing but the thread need be named."""
    job = (await counter.ask("ship shop prod")).job
    thread = replace(OPS, thread="ts-1")
    ask = {"asker": ANN, "groups": no_groups}
    reply = await counter.dispatcher.ask_in_thread("cancel", thread, **ask)  # type: ignore[arg-type]
    assert (reply.ok, reply.text) == (False, "There is no job in this thread.")
    await counter.store.posts.claim(PostRow(job, job, "slack", OPS.channel, now()))
    await counter.store.posts.mark_shown(job, "ts-1", "digest", now())
    with away(counter.store):
        reply = await counter.dispatcher.ask_in_thread("cancel", thread, **ask)  # type: ignore[arg-type]
        assert reply.text.startswith("Nothing was done")
    reply = await counter.dispatcher.ask_in_thread("cancel", thread, **ask)  # type: ignore[arg-type]
    assert (reply.ok, reply.job) == (True, job)


async def test_a_post_that_was_shown_a_moment_ago_has_a_job(counter: Counter) -> None:
    """People see a post before the database knows where it is: who is quick is waited with."""
    job = (await counter.ask("ship shop prod")).job
    await counter.store.posts.claim(PostRow(job, job, "slack", OPS.channel, now()))
    thread = replace(OPS, thread="ts-1")
    looked = asyncio.Event()
    in_thread = counter.store.ledger.in_thread

    async def look(front: str, channel: str, ref: str) -> list[Job]:
        found = await in_thread(front, channel, ref)
        looked.set()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counter.store.ledger, "in_thread", look)
        cancel = asyncio.create_task(
            counter.dispatcher.ask_in_thread("cancel", thread, asker=ANN, groups=no_groups)
        )
        await looked.wait()
        await counter.store.posts.mark_shown(job, "ts-1", "digest", now())
        assert (await cancel).job == job


async def test_of_several_jobs_in_a_thread_none_is_chosen_for_somebody(store: Store) -> None:
    """`cancel` stops the only one that is their own, else none, and names them."""
    counter = Counter(store)
    thread = replace(OPS, thread="ts-1")
    first = (await counter.ask("ship shop prod")).job
    second = (await counter.ask("ship shop staging", BEN)).job
    await counter.shown(first, "ts-1")
    await counter.shown(second, "ts-2", "ts-1")

    async def cancels(person: Person) -> Reply:
        return await counter.dispatcher.ask_in_thread(
            "cancel", thread, asker=person, groups=no_groups
        )

    reply = await cancels(Person(id="U_DAN", name="dan"))
    assert not reply.ok
    for words in ("2 open jobs", first[:6], second[:6], "ship shop prod", "ship shop staging"):
        assert words in reply.text
    assert len(await store.ledger.outbox()) == 3
    assert (await counter.audit()).words == "cancel"
    assert (await cancels(GUEST)).text.startswith("Not allowed: you are a guest")
    assert (await cancels(BEN)).job == second
    assert (await cancels(Person(id="U_DAN"))).job == first
