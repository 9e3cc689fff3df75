"""What Prometheus reads. Nothing is stored here: each scrape shows the state and the counters of
the bot.

Counters are this process's own. What comes out of the database is the same in each of several
bots: take its maximum, not its sum.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics

from alerts import Severity
from baton.bus.messages import Heartbeat, Pong, State, Update
from baton.version import baton_version
from bot.web.status import BotStatus, StatusReader

VERDICTS = ("allowed", "refused", "undecided", "answered", "unusable", "limited")
HEARD = (Update.type, Pong.type, Heartbeat.type)
SERVERS_REFUSED = ("invalid", "identity", "signature", "moved", "unasked", "fault")
"""Why what servers say is not taken: unreadable, from another than it says, of another environment,
of a run that nobody asked for, or a fault of ours."""
ENDS = tuple(state.value for state in State if state.final)


class Metrics:
    """The metrics of what `watch` looks at."""

    def __init__(self, watch: StatusReader) -> None:
        self._reader = watch
        self._status: BotStatus | None = None
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(self)

    async def scraped(self, accept: str) -> tuple[bytes, str]:
        """The metrics in the format that the header Accept asks for, and its content type."""
        self._status = await self._reader.read()
        # not `choose_encoder`, which stumbles over versions that are no numbers
        if "application/openmetrics-text" in accept:
            text: bytes = openmetrics.generate_latest(self._registry)  # type: ignore[no-untyped-call]
            return text, openmetrics.CONTENT_TYPE_LATEST
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4

    def collect(self) -> Iterable[Metric]:
        """Called by the registry: what was last seen."""
        if self._status is None:
            return
        yield InfoMetricFamily(
            "baton_build",
            "The version of Baton, and of Python.",
            {"version": baton_version(), "python": platform.python_version()},
        )
        yield from self._counters()
        yield from self._alerts()
        yield from _gauges(self._status)
        yield from _tasks(self._status)

    def _alerts(self) -> Iterator[Metric]:
        """What fires, in the bot that keeps watch; of the others it is absent."""
        alerts = self._reader.alerts
        if alerts is None or alerts.engine is None:
            return
        counts = Counter(episode.severity.value for episode in alerts.engine.firing())
        family = GaugeMetricFamily(
            "baton_alerts_firing", "Firing alerts, including muted ones.", labels=("severity",)
        )
        for severity in Severity:
            family.add_metric((severity.value,), counts[severity.value])
        yield family
        yield GaugeMetricFamily(
            "baton_alerts_blind",
            "1 while a link of the bot is down, so that no alert is decided.",
            value=alerts.engine.blind_since is not None,
        )
        yield CounterMetricFamily(
            "baton_alerts_faults",
            "Internal errors that affected one check, rule or post: see the log.",
            value=alerts.faults,
        )

    def _counters(self) -> Iterator[Metric]:
        counts, chat = self._reader.counts, self._reader.chat
        yield _counter(
            "baton_asks", "Requests of people, by the decision.", "verdict", VERDICTS, counts.asks
        )
        yield _counter(
            "baton_messages_heard",
            "Messages received from servers on the output exchange, by type.",
            "type",
            HEARD,
            counts.received,
        )
        yield _counter(
            "baton_runs_ended",
            "Runs by final state, counted when their thread shows it.",
            "state",
            ENDS,
            counts.runs_ended,
        )
        refused = CounterMetricFamily(
            "baton_refused",
            "Rejected messages from other systems and servers, by sender and reason.",
            labels=("sender", "reason"),
        )
        by_sender = Counter({("servers", reason): 0 for reason in SERVERS_REFUSED})
        by_sender.update({("servers", why): count for why, count in counts.not_taken.items()})
        by_sender.update(counts.rejected)  # a sender may be called that too
        for labels, count in sorted(by_sender.items()):
            refused.add_metric(labels, count)
        yield refused
        if chat is not None:
            calls = CounterMetricFamily(
                "baton_slack_calls",
                "Calls of Slack's Web API, by method and outcome; throttled is its 429.",
                labels=("method", "outcome"),
            )
            for labels, count in sorted(chat.calls.items()):
                calls.add_metric(labels, count)
            yield calls


def _counter(
    name: str, what: str, label: str, known: Iterable[str], counted: Mapping[str, int]
) -> Metric:
    """Return a counter that shows 0 for what has not happened yet, so that its first time is
    seen."""
    family = CounterMetricFamily(name, what, labels=(label,))
    for value, count in sorted({**dict.fromkeys(known, 0), **counted}.items()):
        family.add_metric((value,), count)
    return family


def _gauges(vitals: BotStatus) -> Iterator[Metric]:
    found: list[tuple[str, str, float | None]] = [
        ("baton_bus_up", "1 while the bot is connected to RabbitMQ.", vitals.bus.up),
        ("baton_database_up", "1 if the database responded.", vitals.answered is not None),
        (
            "baton_database_answer_seconds",
            "Seconds that the database took to respond.",
            vitals.answered,
        ),
        (
            "baton_leader",
            "1 in the bot that leads: it processes jobs and posts updates.",
            vitals.leading,
        ),
        ("baton_posts_waiting", "Posts that are not up to date yet.", vitals.waiting),
        (
            "baton_posts_oldest_waiting_seconds",
            "Seconds that the oldest of them has been waiting.",
            vitals.oldest_waiting,
        ),
    ]
    if vitals.chat is not None:
        quiet = "Seconds since the last message of Slack; absent while not connected."
        found += [
            ("baton_slack_up", "1 while the bot is connected to Slack.", vitals.chat.up),
            ("baton_slack_quiet_seconds", quiet, vitals.quiet),
        ]
    if vitals.depths is not None:
        found += [
            ("baton_jobs_open", "Jobs that have not ended.", vitals.depths.jobs),
            (
                "baton_runs_open",
                "Runs (a job on one server) that have not ended.",
                vitals.depths.runs,
            ),
            (
                "baton_outbox_messages",
                "Messages that wait to be sent to servers.",
                vitals.depths.outbox,
            ),
        ]
    for name, what, value in found:
        if value is not None:
            yield GaugeMetricFamily(name, what, value=value)


def _tasks(vitals: BotStatus) -> Iterator[Metric]:
    success = GaugeMetricFamily(
        "baton_task_last_success_seconds",
        "Seconds since each recurring task last succeeded; absent until it has.",
        labels=("task",),
    )
    failures = CounterMetricFamily(
        "baton_task_failures", "How often each recurring task failed.", labels=("task",)
    )
    for task in vitals.tasks:
        if task.seconds is not None:
            success.add_metric((task.name,), task.seconds)
        failures.add_metric((task.name,), task.failures)
    yield success
    yield failures
