"""`/retry`: the same command again, only where it did not succeed, and only by who may ask it."""

from __future__ import annotations

import pytest

from baton.bus.messages import State, now
from bot.dispatch.plan import Plan
from bot.dispatch.policy import Policy
from bot.dispatch.reply import Reply, ReplyKind
from bot.store import Store
from tests.bot.build import ANN, OPS, pong, update
from tests.bot.counter import BEN, GUARDED, ONLY_ANN, SECRET, STAGING, Counter
from tests.bot.world import no_groups


@pytest.fixture
def counter(store: Store) -> Counter:
    return Counter(store)


async def states(counter: Counter, job: str) -> dict[str, State]:
    found = await counter.store.ledger.job(job)
    assert found is not None
    return {run.host: run.state for run in found[1]}


async def ended(counter: Counter, text: str, **ends: State) -> str:
    """The id of a job that ended so on `web_1` and `web_2`."""
    job = (await counter.ask(text)).job
    found = await counter.store.ledger.job(job)
    assert found is not None
    messages = [
        update(1, ends[run.host.replace("-", "_")], job=job, request=run.request, host=run.host)
        for run in found[1]
        if run.host.replace("-", "_") in ends
    ]
    await counter.store.ledger.apply_updates(messages, now())
    return job


async def test_only_what_did_not_succeed_runs_again(counter: Counter) -> None:
    """With the same options, as a job of whoever retries."""
    job = await ended(counter, "ship shop prod --ref v2", web_1=State.SUCCEEDED, web_2=State.FAILED)
    reply = await counter.ask(f"retry {job}", BEN)
    assert (reply.kind, reply.text) == (ReplyKind.STARTED, "")
    found = await counter.store.ledger.job(reply.job)
    assert found is not None
    again, runs = found
    assert [run.host for run in runs] == ["web-2"]
    assert (again.title, again.asked_by.id) == ("ship shop prod --ref v2", "U_BEN")
    assert again.arguments["ref"] == "v2"
    entry = await counter.audit()
    assert (entry.verdict, entry.words, entry.job) == ("allowed", f"retry {job}", again.id)
    assert counter.woken[-1] == again.id


async def test_a_broadcast_is_retried_by_name(counter: Counter) -> None:
    """Whoever answered is not asked again."""
    job = (await counter.ask("hail prod")).job
    found = await counter.store.ledger.job(job)
    assert found is not None
    requests = {run.host: run.request for run in found[1]}
    answer = pong("web-1").model_copy(update={"job": job, "request": requests["web-1"]})
    await counter.store.ledger.apply_updates([answer], now())
    await counter.ask(f"cancel {job}")
    assert await states(counter, job) == {"web-1": State.SUCCEEDED, "web-2": State.CANCELLED}
    again = await counter.ask(f"retry {job[:6]}")
    assert list(await states(counter, again.job)) == ["web-2"]
    sent = [one for one in await counter.store.ledger.outbox() if one.job == again.job]
    assert [one.host for one in sent] == ["web-2"]


async def test_all_of_it_runs_again(counter: Counter) -> None:
    """--all: where it succeeded too, on the servers that it reaches today."""
    job = await ended(counter, "ship shop prod", web_1=State.SUCCEEDED, web_2=State.SUCCEEDED)
    reply = await counter.ask(f"retry {job} --all")
    assert sorted(await states(counter, reply.job)) == ["web-1", "web-2"]


async def test_the_last_attempt_counts_of_a_retry_of_a_retry(counter: Counter) -> None:
    """A retry is a job like any other."""
    job = await ended(counter, "ship shop prod", web_1=State.FAILED, web_2=State.FAILED)
    first = (await counter.ask(f"retry {job}")).job
    await counter.ask(f"cancel {first}")
    assert sorted(await states(counter, (await counter.ask(f"retry {first}")).job)) == [
        "web-1",
        "web-2",
    ]


async def test_what_cannot_be_retried_now(counter: Counter) -> None:
    """A job that runs, and one without a failure: a conflict that says what to do."""
    running = (await counter.ask("ship shop prod")).job
    reply = await counter.ask(f"retry {running}")
    assert reply.kind is ReplyKind.CONFLICT
    assert "is still running" in reply.text
    assert f"/cancel {running[:6]}" in reply.text
    job = await ended(counter, "ship shop prod", web_1=State.SUCCEEDED, web_2=State.SUCCEEDED)
    reply = await counter.ask(f"retry {job}")
    assert reply.kind is ReplyKind.CONFLICT
    assert f"/retry {job[:6]} --all" in reply.text
    assert (await counter.audit()).verdict == "unusable"


async def test_a_job_that_nobody_knows(counter: Counter) -> None:
    reply = await counter.ask("retry abcd")
    assert (reply.kind, reply.text.startswith("No job")) == (ReplyKind.UNUSABLE, True)


async def test_servers_that_are_gone(counter: Counter) -> None:
    """Some: they are left out, and that is said. All: an error that names them."""
    job = await ended(counter, "ship shop prod", web_1=State.FAILED, web_2=State.FAILED)
    counter.servers.forget("web-2", now())
    reply = await counter.ask(f"retry {job}")
    assert list(await states(counter, reply.job)) == ["web-1"]
    assert "does not know them any more: web-2" in reply.text
    await counter.ask(f"cancel {reply.job}")
    job = await ended(counter, "ship shop prod --host web-1", web_1=State.FAILED)
    counter.servers.forget("web-1", now())
    reply = await counter.ask(f"retry {job}")
    assert reply.kind is ReplyKind.UNUSABLE


@pytest.mark.parametrize("policy", [ONLY_ANN, GUARDED])
async def test_it_needs_the_right_to_ask_the_command(store: Store, policy: Policy) -> None:
    """Whoever may not ship may not retry a ship; not even its asker, once they may not any more."""
    counter = Counter(store, policy)
    job = await ended(counter, "ship shop prod", web_1=State.FAILED, web_2=State.FAILED)
    reply = await counter.ask(f"retry {job}", BEN)
    assert reply.kind is ReplyKind.REFUSED
    assert (await counter.audit()).verdict == "refused"
    counter = Counter(store, Policy([], STAGING))
    reply = await counter.ask(f"retry {job}", ANN)
    assert reply.kind is ReplyKind.REFUSED
    assert 'commands = ["ship"]' in reply.text
    assert len(await store.ledger.recent()) == 1


async def test_a_job_of_a_private_channel_is_not_shown_by_a_retry(store: Store) -> None:
    """Its title would be posted elsewhere."""
    counter = Counter(store, Policy([], STAGING))
    job = (await counter.ask("ship shop staging", place=SECRET)).job
    await counter.ask(f"cancel {job}", place=SECRET)
    assert not (await counter.ask(f"retry {job}", BEN)).ok
    assert (await counter.ask(f"retry {job}", BEN, place=SECRET)).ok


async def test_one_key_is_one_job(counter: Counter) -> None:
    """A message that comes twice retries once."""
    job = await ended(counter, "ship shop prod", web_1=State.FAILED, web_2=State.FAILED)
    first = await counter.ask(f"retry {job}", key="k")
    assert await counter.ask(f"retry {job}", key="k") == first
    assert len(await counter.store.ledger.recent()) == 2


async def test_a_plan_names_the_servers_of_a_retry(counter: Counter) -> None:
    """Before anybody clicks; nothing is started."""
    job = await ended(counter, "ship shop prod", web_1=State.SUCCEEDED, web_2=State.FAILED)
    found = await counter.dispatcher.plan(f"retry {job}", asker=ANN, groups=no_groups, place=OPS)
    assert isinstance(found, Plan)
    assert found.hosts == ("web-2",)
    assert (found.text, found.title, found.allowed) == (f"/retry {job}", "ship shop prod", True)
    running = (await counter.ask("ship shop prod")).job
    found = await counter.dispatcher.plan(
        f"retry {running}", asker=ANN, groups=no_groups, place=OPS
    )
    assert isinstance(found, Reply)
    assert (found.kind, found.field) == (ReplyKind.UNUSABLE, "job")
    assert len(await counter.store.ledger.recent()) == 2


async def test_a_plan_of_a_retry_that_is_refused_names_no_server(store: Store) -> None:
    """It says why, in the words of the refusal."""
    counter = Counter(store, ONLY_ANN)
    job = await ended(counter, "ship shop prod", web_1=State.FAILED, web_2=State.FAILED)
    found = await counter.dispatcher.plan(f"retry {job}", asker=BEN, groups=no_groups, place=OPS)
    assert isinstance(found, Plan)
    assert (found.hosts, found.allowed, found.environment) == ((), False, "prod")
    assert found.refusal is not None
    assert "Required rule" in found.refusal.text
