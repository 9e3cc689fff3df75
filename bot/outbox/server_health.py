"""How healthy servers are, by their heartbeats and by the alerts that fire for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from alerts.episodes import Episode
from alerts.labels import ALERTNAME
from alerts.observation import Severity
from baton.bus.messages import now
from baton.command import Known, KnownServer
from bot.rollout.values import Reading
from bot.store.alerts.alert_store import AlertStore

HOST_LABELS = ("host", "instance", "server", "node")
"""The labels of alerts that name a server; behind its name there may be a port."""
GONE_AFTER = 45.0
"""Seconds of silence, at least, after which a server is missing whose agent said goodbye."""


class ServerHealth:
    """Reads the health of servers that `known` knows, and of which `alerts` may fire."""

    def __init__(
        self, known: Known, alerts: AlertStore, clock: Callable[[], datetime] = now
    ) -> None:
        self._known = known
        self._alerts = alerts
        self._clock = clock

    async def read(self, hosts: Collection[str]) -> Mapping[str, Reading]:
        """Return the last reading of each of `hosts` of which there is one: there is none while the
        bot cannot see. Raises DatabaseUnavailable."""
        if self._known.blind_since is not None:
            return {}
        firing = await self._alerts.firing()
        return readings_of(self._known.servers(), firing, hosts, self._clock())


def readings_of(
    servers: Iterable[KnownServer],
    firing: Iterable[Episode],
    hosts: Collection[str],
    at: datetime,
) -> Mapping[str, Reading]:
    """Return what is known of `hosts` at `at`: a server is bad if it is missing, or if a warning or
    worse fires for it. A server that is well is read as of its last heartbeat, and so is one whose
    agent has just been stopped: it may only be restarted. Pure."""
    bad: dict[str, dict[str, float]] = {}
    for episode in firing:
        if episode.severity is not Severity.INFO:
            for host in _named_by(episode) & set(hosts):
                name = episode.labels.get(ALERTNAME) or "an alert"
                began = bad.setdefault(host, {})
                began[name] = max(began.get(name, 0.0), episode.started)
    found = {}
    for server in servers:
        host = server.facts.host
        if host not in hosts:
            continue
        if host in bad:
            text = f"is unhealthy: {', '.join(sorted(bad[host]))} fires"
            found[host] = Reading(at, text, datetime.fromtimestamp(max(bad[host].values()), UTC))
        elif server.missing and server.silent >= GONE_AFTER:
            # not for how long: a question whose words change is asked anew
            found[host] = Reading(at, "sends no heartbeat")
        else:
            found[host] = Reading(at - timedelta(seconds=server.silent))
    return found


def _named_by(episode: Episode) -> set[str]:
    values = [episode.labels.get(label) for label in HOST_LABELS]
    return {value.partition(":")[0] for value in values if value}
