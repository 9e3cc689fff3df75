"""`/run`: which runners there are, who has them, and giving a job to one."""

from __future__ import annotations

from baton.bus.messages import Heartbeat
from bot.dispatch.plan import Plan
from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from bot.store import Store
from tests.bot.build import OPS
from tests.bot.counter import BEN, Counter, table
from tests.bot.worker import runner, worker_facts
from tests.bot.world import no_groups

PROTECTED = Policy(
    [Rule(who=("U_ANN",), commands=("report", "run"))], {"prod": EnvironmentTable(protected=True)}
)


def hear(counter: Counter, host: str, *runners: object, leaving: bool = False) -> None:
    facts = worker_facts(host, *runners)  # type: ignore[arg-type]
    counter.servers.record(Heartbeat(facts=facts, interval=15.0, leaving=leaving))


async def test_the_runners_are_listed(store: Store) -> None:
    """With the queue of each, how many of its workers are running, and how it is asked. How many
    jobs wait is not known of a queue that RabbitMQ does not have."""
    counter = Counter(store)
    assert (await counter.ask("run")).answer is not None
    hear(counter, "worker-1", runner())
    hear(counter, "worker-2", runner(), leaving=True)
    summary, rows = table(await counter.ask("run"))
    assert summary == "Runners: 1"
    usage = "/report april|may|june [--copies COPIES]"
    assert rows == [("report", "reports", "1 of 2 running", "?", usage)]


async def test_what_is_odd_about_a_runner_is_said(store: Store) -> None:
    """That workers describe it differently, or that it cannot be used and why."""
    counter = Counter(store)
    hear(counter, "worker-1", runner(timeout=60.0))
    hear(counter, "worker-2", runner(), runner("odd", arguments={"when": {"type": "moon"}}))
    summary, rows = table(await counter.ask("run"))
    assert "report is described differently by worker-1: worker-2 counts, it is newer" in summary
    assert "odd cannot be used: its argument when" in summary
    assert rows[0][-1] == "cannot be used"


async def test_a_job_of_a_runner_needs_a_rule(store: Store) -> None:
    """It is judged as a change in the environment that the workers of its queue are in."""
    counter = Counter(store, PROTECTED)
    hear(counter, "worker-1", runner())
    refused = await counter.ask("run report may", BEN)
    assert refused.text.startswith("Not allowed: /report in prod. A change to servers needs a rule")
    reply = await counter.ask("run report may")
    assert reply.job
    found = await store.ledger.job(reply.job)
    assert found is not None
    assert (found[0].title, found[0].environment) == ("report may", "prod")
    plan = await counter.dispatcher.plan("report may", asker=BEN, groups=no_groups, place=OPS)
    assert isinstance(plan, Plan)
    assert (plan.allowed, plan.hosts) == (False, ())
    summary, rows = table(await counter.ask("run", BEN))
    assert (summary, rows) == ("Runners: 0; 1 runner left out: you are not allowed to read it", [])


async def test_help_has_the_runners(store: Store) -> None:
    """As it has every command, with the help of each argument."""
    counter = Counter(store)
    hear(counter, "worker-1", runner())
    assert "/report april|may|june [--copies COPIES]" in (await counter.ask("help")).text
    text = (await counter.ask("help report")).text
    assert "Make the report of a month" in text
    assert "of which month" in text


async def test_workers_of_several_environments_do_not_share_a_queue(store: Store) -> None:
    """Who may have a job is decided by the environment; a worker of another would refuse it."""
    counter = Counter(store)
    hear(counter, "worker-1", runner())
    facts = worker_facts("worker-2", environment="staging")
    counter.servers.record(Heartbeat(facts=facts, interval=15.0))
    reply = await counter.ask("run report may")
    assert "are in several environments: prod, staging" in reply.text
    assert not reply.ok
    assert "report cannot be used: the workers of reports" in table(await counter.ask("run"))[0]
    counter.servers.record(Heartbeat(facts=facts, interval=15.0, leaving=True))
    assert (await counter.ask("run report may")).ok
