"""Whether the bot lives and is ready, in JSON and in words; and what Prometheus reads."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from baton.agent.output import key_of
from baton.bus.api import API
from baton.bus.channel import Link
from baton.bus.exchanges import OUTPUT
from baton.bus.facts import Facts
from baton.bus.messages import Heartbeat, Person, Pong
from baton.outcome import duration
from bot.jobs import Place
from bot.store import Depths, Store
from bot.store.errors import DatabaseUnavailable
from bot.web.health import MAX_POST_DELAY, PartHealth, parts
from bot.web.status import BotStatus, LinkStatus, TaskHealth
from tests.bot.web.conftest import Opened, Site
from tests.bot.world import Agent, no_groups
from tests.support.wait import until

WELL = BotStatus(
    bus=LinkStatus(True, 100.0),
    chat=LinkStatus(True, 50.0),
    quiet=3.0,
    answered=0.0021,
    database_reason="",
    depths=Depths(1, 2, 3),
    leading=True,
    waiting=0,
    oldest_waiting=0.0,
)


class FakeChat:
    """A chat that says what it is told to."""

    def __init__(self) -> None:
        self.link = Link.UP
        self.link_reason = ""
        self.link_since = 0.0
        self.heard: float | None = 1.0
        self.strangers = 0
        self.clock_ahead: float | None = 0.0
        self.calls: Mapping[tuple[str, str], int] = {
            ("chat.postMessage", "ok"): 5,
            ("chat.postMessage", "throttled"): 2,
        }


def test_a_clock_that_is_off_is_named() -> None:
    """With its number, and by how much; it keeps nobody from asking."""
    ahead = slack_part(replace(WELL, clock_ahead=180.4))
    assert ahead.well
    assert "our clock is 180 s ahead of Slack's" in ahead.words
    assert ahead.numbers["clock_ahead_seconds"] == 180.4
    assert "180 s behind Slack's" in slack_part(replace(WELL, clock_ahead=-180.0)).words
    assert "clock" not in slack_part(replace(WELL, clock_ahead=0.3)).words


def test_strangers_with_our_tokens_are_not_well() -> None:
    """A part of what people ask does not come here."""
    part = slack_part(replace(WELL, strangers=2))
    assert not part.well
    assert "another program is connected with this app's tokens" in part.words
    assert part.numbers["strange_connections"] == 2


def slack_part(vitals: BotStatus) -> PartHealth:
    """What is said of Slack."""
    return next(part for part in parts(vitals) if part.name == "slack")


class Time:
    """A clock that stands still until it is told how late it is."""

    def __init__(self) -> None:
        self.now = 10.0

    def __call__(self) -> float:
        return self.now


async def metrics(site: Site) -> dict[str, float]:
    """Every sample, by its name and labels as they are written."""
    answer = await site.client.get("/metrics")
    assert answer.status_code == 200
    return {
        sample.name + "".join(f" {label}" for label in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_alive(site: Site) -> None:
    """As long as the process serves, whatever else is broken."""
    await site.bot.channel.close()
    answer = await site.client.get("/healthz")
    assert (answer.status_code, answer.json()["alive"]) == (200, True)
    assert "server" not in answer.headers
    assert (await site.client.head("/healthz")).status_code == 200


async def test_ready(opened: Opened) -> None:
    """Each part with its state in words and in numbers."""
    site = await opened(chat=FakeChat())

    async def ready() -> httpx.Response | None:
        answer = await site.client.get("/readyz")
        return answer if answer.status_code == 200 else None

    answer = await until(ready)
    assert answer is not None
    assert answer.json()["ready"] is True
    assert answer.json()["bot"] == site.bot.name
    found = answer.json()["parts"]
    assert [*found] == ["bus", "slack", "database", "leadership", "posts", "tasks", "findings"]
    assert "last message" in found["slack"]["words"]
    assert found["slack"]["heard_seconds_ago"] > 0
    assert found["database"]["answered_seconds"] < 10
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("ill", "part", "words"),
    [
        ({"bus": LinkStatus(False, 20.0, "refused")}, "bus", "not connected for 20 s: refused"),
        (
            {"chat": LinkStatus(False, 3600.0, "no DNS"), "quiet": None},
            "slack",
            "not connected for 1 h: no DNS",
        ),
        (
            {"answered": None, "depths": None, "database_reason": "its disk is full"},
            "database",
            "unavailable: its disk is full",
        ),
        (
            {"waiting": 2, "oldest_waiting": MAX_POST_DELAY},
            "posts",
            "2 posts are waiting, the oldest for 1 min",
        ),
    ],
)
def test_what_is_not_well(ill: dict[str, object], part: str, words: str) -> None:
    """Any part that matters makes the bot not ready, and says why."""
    values = {name: getattr(WELL, name) for name in WELL.__slots__}
    found = parts(BotStatus(**{**values, **ill}))
    assert [(each.name, each.words) for each in found if not each.well] == [(part, words)]


def test_what_is_well() -> None:
    """To stand by is no illness, nor is a post that Slack's limits hold back for a while."""
    values = {name: getattr(WELL, name) for name in WELL.__slots__}
    still = BotStatus(
        **{**values, "leading": False, "waiting": 1, "oldest_waiting": MAX_POST_DELAY - 1}
    )
    assert all(part.well for part in parts(still))
    assert f"the oldest for {duration(MAX_POST_DELAY - 1)}" in parts(still)[-3].words


def test_a_task_that_fails_is_shown() -> None:
    """With its reason and its last success; this bot stays ready, as others would fail alike."""
    tasks = (
        TaskHealth("pruning", 7200.0, "its disk is full", 3),
        TaskHealth("sync_posts", 0.2),
        TaskHealth("discovery", None, "KeyError", 1),
    )
    part = parts(replace(WELL, tasks=tasks))[-2]
    assert (part.name, part.well) == ("tasks", True)
    assert part.words == (
        "pruning fails: its disk is full (last success: 2 h ago); "
        "discovery fails: KeyError (last success: never)"
    )
    assert part.numbers == {
        "pruning_succeeded_seconds_ago": 7200.0,
        "sync_posts_succeeded_seconds_ago": 0.2,
    }


@pytest.mark.slow
async def test_the_last_success_of_each_task_is_shown(site: Site) -> None:
    """On /readyz and in the metrics, by the name of the task."""

    async def pruned() -> dict[str, float] | None:
        found = await metrics(site)
        return found if "baton_task_last_success_seconds pruning" in found else None

    found = await until(pruned)
    assert found is not None
    assert found["baton_task_last_success_seconds pruning"] >= 0
    assert found["baton_task_failures_total pruning"] == 0
    tasks = (await site.client.get("/readyz")).json()["parts"]["tasks"]
    assert tasks["words"] == "all recurring tasks succeed"
    assert tasks["pruning_succeeded_seconds_ago"] >= 0


async def test_not_ready(opened: Opened) -> None:
    """503 while the bus is away, and 200 again when it is back."""
    time = Time()
    site = await opened(monotonic=time)
    assert (await site.client.get("/readyz")).status_code == 200
    time.now += 5
    site.bot.channel._change(Link.DOWN, "the broker went away")  # type: ignore[attr-defined]
    answer = await site.client.get("/readyz")
    assert answer.status_code == 503
    assert "the broker went away" in answer.json()["parts"]["bus"]["words"]
    time.now += 5
    site.bot.channel._change(Link.UP)  # type: ignore[attr-defined]
    assert (await site.client.get("/readyz")).status_code == 200


async def test_a_database_that_is_away(
    opened: Opened, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 says why, without where it is; the metrics say so too, and leave out what they cannot
    know."""

    async def away() -> Depths:
        raise DatabaseUnavailable(url="postgresql://db.internal/x", reason="it refused")

    site = await opened()
    monkeypatch.setattr(store.ledger, "depths", away)
    answer = await site.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["database"]["words"] == "unavailable: it refused"
    assert "db.internal" not in answer.text
    found = await metrics(site)
    assert found["baton_database_up"] == 0
    assert "baton_jobs_open" not in found


async def test_a_database_that_hangs(
    opened: Opened, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readiness does not hang with it."""

    async def hang() -> Depths:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr("bot.web.status.DATABASE_TIMEOUT", 0.05)
    monkeypatch.setattr(store.ledger, "depths", hang)
    site = await opened()
    answer = await site.client.get("/readyz")
    assert answer.status_code == 503
    assert "did not answer within 0.05 s" in answer.json()["parts"]["database"]["words"]


async def test_watching_costs_little(
    opened: Opened, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many watch at once, the database is asked once a second."""
    asked: list[int] = []
    depths = store.ledger.depths

    async def counted() -> Depths:
        asked.append(1)
        return await depths()

    monkeypatch.setattr(store.ledger, "depths", counted)
    time = Time()
    site = await opened(monotonic=time)
    await asyncio.gather(*(site.client.get("/readyz") for _ in range(20)))
    assert len(asked) == 1
    time.now += 1
    await site.client.get("/metrics")
    assert len(asked) == 2


async def test_metrics(opened: Opened) -> None:
    """What was asked, heard and done is counted, and what is open is shown."""
    time = Time()
    site = await opened(chat=FakeChat(), monotonic=time)
    await until(lambda: site.bot.leader.leading)
    before = await metrics(site)
    assert before["baton_asks_total refused"] == 0
    assert before["baton_runs_ended_total lost"] == 0
    assert before["baton_slack_calls_total chat.postMessage throttled"] == 2
    assert before["baton_slack_quiet_seconds"] == 9.0
    assert before["baton_leader"] == before["baton_bus_up"] == before["baton_database_up"] == 1
    assert before["process_resident_memory_bytes"] > 1e6
    assert any(name.startswith("baton_build_info") for name in before)

    agent = Agent(site.bot.channel, "web-1", waits=True)
    await agent.start()
    await agent.beat()
    await until(lambda: site.bot.updates.received[Heartbeat.type] >= 1)
    ann, place = Person(id="U_ANN"), Place("slack", "C_OPS")
    for text in ("ship shop prod", "servers", "nonsense"):
        await site.bot.dispatcher.ask(text, asker=ann, groups=no_groups, place=place, key=text)
    await until(lambda: agent.requests)
    time.now += 1
    after = await metrics(site)
    assert after["baton_asks_total allowed"] == 1
    assert after["baton_asks_total answered"] == 1
    assert after["baton_asks_total unusable"] == 1
    assert after["baton_jobs_open"] == after["baton_runs_open"] == 1
    assert after["baton_messages_heard_total baton.heartbeat"] >= 1


NAMES = """
    baton_build_info baton_asks_total baton_messages_heard_total baton_runs_ended_total
    baton_refused_total baton_slack_calls_total baton_bus_up baton_database_up
    baton_database_answer_seconds baton_leader baton_posts_waiting
    baton_posts_oldest_waiting_seconds baton_slack_up baton_slack_quiet_seconds baton_jobs_open
    baton_runs_open baton_outbox_messages baton_task_last_success_seconds baton_task_failures_total
"""


async def test_names_of_metrics_are_a_promise(opened: Opened) -> None:
    """Dashboards and rules of whoever upgrades name them."""
    site = await opened(chat=FakeChat())
    await until(lambda: site.bot.leader.leading)
    await until(lambda: any(task.succeeded for task in site.bot.periodic.statuses))
    shown = {name.split()[0] for name in await metrics(site)}
    assert {name for name in shown if name.startswith("baton_")} >= set(NAMES.split())


async def test_the_format_is_chosen_by_who_reads(site: Site) -> None:
    """OpenMetrics for those who ask for it, which ends with a mark; else Prometheus's own."""
    plain = await site.client.get("/metrics")
    assert plain.headers["Content-Type"].startswith("text/plain; version=")
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    other = await site.client.get("/metrics", headers=accept)
    assert other.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert other.text.endswith("# EOF\n")


async def test_nothing_is_taken_where_nobody_takes_it(opened: Opened) -> None:
    """Without an intake its addresses are not there."""
    site = await opened(shut=True)
    assert (await site.client.post("/alerts", json=[])).status_code == 404
    assert (await site.client.get("/checkin/b-token")).status_code == 404
    assert (await site.client.get("/healthz")).status_code == 200


def test_what_rabbitmq_refuses_is_said_and_is_no_illness() -> None:
    """The bot does without the queue of alerts, and works: it says so, with the right to grant."""
    found = parts(replace(WELL, lacking=("RabbitMQ refuses bot.monitor. Grant it.",)))
    assert all(part.well for part in found)
    assert "RabbitMQ refuses bot.monitor. Grant it." in found[0].words


async def test_what_is_found_wrong_is_seen_without_alerts_too(opened: Opened) -> None:
    """A bot without an alerts.toml says it in the log as an error, once, on /readyz (which stays
    ready), beside the server, and in the metrics."""
    time = Time()
    site = await opened(monotonic=time)
    await until(lambda: site.bot.leader.leading)
    agent = Agent(site.bot.channel, "web-1")
    await agent.start()
    await agent.beat()
    await until(lambda: site.bot.updates.received[Heartbeat.type] >= 1)
    pong = Pong(job="nobody-s", request="r1", facts=Facts(host="web-1", environment="prod"))
    with capture_logs() as logs:
        for _ in range(3):
            await API(site.bot.channel).publish(OUTPUT, key_of(pong), pong)
        await until(lambda: site.bot.updates.rejected["unasked"] >= 3)
    (line,) = [line for line in logs if line.get("found") == "unasked"]
    assert line["log_level"] == "error"
    assert "somebody else may control it" in line["event"]
    assert line["about_host"] == "web-1"

    answer = await site.client.get("/readyz")
    assert answer.status_code == 200
    part = answer.json()["parts"]["findings"]
    assert "web-1 reports on (job nobody-s)" in part["words"]
    assert part["count"] == 1
    assert (await metrics(site))["baton_refused_total unasked servers"] == 3
    ann, place = Person(id="U_ANN"), Place("slack", "C_OPS")
    reply = await site.bot.dispatcher.ask(
        "servers", asker=ann, groups=no_groups, place=place, key="look"
    )
    assert reply.answer is not None
    assert "reports work that nobody requested" in reply.answer.rows[0][-1]


def test_many_findings_are_few_words() -> None:
    """Only the first ones are shown, and how many more there are."""
    found = parts(replace(WELL, findings=tuple("x" * 1000 for _ in range(9))))[-1]
    assert found.well
    assert "And 6 more" in found.words
    assert len(found.words) < 1000
