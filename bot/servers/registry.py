"""The registry of servers: which of them this bot knows, and whether it can see them at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from typing_extensions import override

from baton.bus.channel import Link
from baton.bus.exchanges import work_key
from baton.bus.messages import Heartbeat, now
from baton.command import Known, KnownServer
from baton.errors import BatonError
from bot.findings import Findings
from bot.servers.anomalies import (
    MAX_SKEW,
    clock_skew,
    duplicate_agents,
    environment_change,
    own_clock_skew,
)
from bot.servers.heartbeat_history import HeartbeatHistory
from bot.servers.inventory import LastHeartbeat, known_servers
from bot.servers.runners import KnownWorker, queues_without_workers
from bot.servers.server_visibility import ServerVisibility

LINK_SETTLE_TIME = 5.0
"""Seconds after our link came up in which heartbeats may come that had waited in RabbitMQ."""
WORKER_LOST_AFTER = 60.0
"""Seconds without a heartbeat after which what a worker had to do is lost, at least: it ends its
jobs itself if it can."""
LINK_LOSS_GRACE = 3.0
"""Seconds for which our link may be lost before every open post says so."""


class ServerRegistry(Known):
    """Holds the last heartbeat of each server in memory; `load` fills it from the database.

    `findings` notifies people of what is odd about a server, `notes_of` returns what other parts
    of the bot found odd about it. `refusal` returns why RabbitMQ refuses this bot for good, if it
    does. `signing_keys` are the fingerprints of the keys with which it signs.
    """

    def __init__(
        self,
        findings: Findings,
        notes_of: Callable[[str], tuple[str, ...]],
        refusal: Callable[[], BatonError | None],
        clock: Callable[[], datetime] = now,
        signing_keys: Sequence[str] = (),
    ) -> None:
        self._signing_keys = tuple(signing_keys)
        self._findings = findings
        self._notes_of = notes_of
        self._clock = clock
        self._refusal = refusal
        self._heartbeats: dict[str, LastHeartbeat] = {}
        self._histories: dict[str, HeartbeatHistory] = {}
        self._workers: dict[str, datetime] = {}
        """The servers that declare runners, each with when we saw it declare others than before."""
        self.declarations = 0
        """Counts how often a worker has declared other runners than before."""
        self._blind_since: datetime | None = clock()
        self.seeing_since: datetime | None = None
        # stays set when the link is lost again: silence before that counts
        self._saw_since: datetime | None = None

    def load(self, stored: Iterable[LastHeartbeat]) -> None:
        """Take over what the database holds; what this process received later stays."""
        for heartbeat in stored:
            known = self._heartbeats.get(heartbeat.facts.host)
            if known is None or known.at < heartbeat.at:
                self._keep(heartbeat)

    def record(self, beat: Heartbeat, *, proven: bool = False, again: bool = False) -> bool:
        """Record a heartbeat as received now, since clocks of servers may be wrong; return whether
        it is believed.

        A server stays in its environment until a heartbeat that is `proven` to be its own says
        otherwise, or until people forget the server. `again`: it was delivered before.
        """
        at, facts = self._clock(), beat.facts
        known = self.find(facts.host)
        history = self._histories.setdefault(facts.host, HeartbeatHistory())
        if known is not None and known.facts.environment != facts.environment:
            if again:
                return False
            old = known.facts.environment
            self._findings.found(
                environment_change(facts.host, old, facts.environment, believed=proven)
            )
            if not proven:
                history.claimed = facts.environment, at
                return False
        history.claimed = None if proven else history.claimed
        if history.record(beat, at, again=again, live=self._live(at)):
            self._findings.found(duplicate_agents(facts.host, facts.environment))
        if abs(history.skew) > MAX_SKEW:
            theirs = clock_skew(facts.host, facts.environment, history.skew)
            skews = [one.skew for one in self._histories.values() if one.offsets]
            self._findings.found(own_clock_skew(skews) or theirs)
        self._keep(LastHeartbeat(facts, at, beat.interval, beat.leaving))
        return True

    def _keep(self, heartbeat: LastHeartbeat) -> None:
        facts = heartbeat.facts
        known = self._heartbeats.get(facts.host)
        self._heartbeats[facts.host] = heartbeat
        before = known.facts.runners if known is not None else ()
        if facts.runners == before:
            return
        self.declarations += 1
        if known is None and facts.started is not None:
            self._workers[facts.host] = min(facts.started, heartbeat.at)
        else:
            self._workers[facts.host] = heartbeat.at
        if not facts.runners:
            del self._workers[facts.host]

    def forget(self, host: str, at: datetime) -> None:
        """Drop what was received of `host` up to `at`."""
        last = self._heartbeats.get(host)
        if last is not None and last.at <= at:
            del self._heartbeats[host]
            self._histories.pop(host, None)
            if self._workers.pop(host, None) is not None:
                self.declarations += 1

    def _live(self, at: datetime) -> bool:
        """Return whether what comes now was sent just now. What had waited in RabbitMQ comes right
        after our link comes up."""
        return (
            self.seeing_since is not None
            and (at - self.seeing_since).total_seconds() > LINK_SETTLE_TIME
        )

    def link_changed(self, link: Link) -> None:
        """Record that our own link to RabbitMQ came up, or was lost. A RabbitMQ that is blocked
        takes no messages of the servers either, so the bot sees as little as without a link."""
        if link is not Link.UP:
            self._blind_since = self._blind_since or self._clock()
            self.seeing_since = None
        else:
            self.seeing_since = self._saw_since = self.seeing_since or self._clock()
            self._blind_since = None

    @property
    @override
    def signing_keys(self) -> Sequence[str]:
        """Return the fingerprints of the keys with which this bot signs."""
        return self._signing_keys

    @property
    @override
    def blind_since(self) -> datetime | None:
        """Since when the link to RabbitMQ is lost or blocked; None while it is up."""
        return self._blind_since

    @property
    def blind_because(self) -> str:
        """Why RabbitMQ refuses this bot for good, with what to do; empty if it does not."""
        refusal = self._refusal()
        return "" if refusal is None or self.blind_since is None else str(refusal)

    @override
    def servers(self) -> list[KnownServer]:
        """Return every known server, by name."""
        at = self._clock()
        known = known_servers(self._heartbeats.values(), at, self.blind_since, self._saw_since)
        return [
            replace(one, notes=notes) if (notes := self._notes(one.facts.host, at)) else one
            for one in known
        ]

    def _notes(self, host: str, at: datetime) -> tuple[str, ...]:
        history = self._histories.get(host)
        return (*(history.notes(at) if history else ()), *self._notes_of(host))

    def find(self, host: str) -> KnownServer | None:
        """Return the server of that full name; None if it never sent a heartbeat, or is silent for
        longer than FORGET_AFTER."""
        last = self._heartbeats.get(host)
        some = [] if last is None else [last]
        found = known_servers(some, self._clock(), self.blind_since, self._saw_since)
        return found[0] if found else None

    def workers(self) -> list[KnownWorker]:
        """Return every known server that declares runners, by name."""
        found = ((self.find(host), since) for host, since in sorted(self._workers.items()))
        return [KnownWorker(seen, since) for seen, since in found if seen is not None]

    def serves(self, worker: str, queue: str) -> bool:
        """Return whether `worker` takes jobs from `queue`, as its last heartbeat says. While there
        is a server that is called like the queue in the ledger, nobody speaks for that name."""
        last = self._heartbeats.get(worker)
        if last is None or self.find(work_key(queue)) is not None:
            return False
        return any(each.queue == queue for each in last.facts.runners)

    def lost_workers(self) -> dict[str, datetime]:
        """Return the workers that have sent no heartbeat for so long that what they had to do is
        lost, each with when the last one came."""
        seeing = self.seeing_since
        if seeing is None or (self._clock() - seeing).total_seconds() < WORKER_LOST_AFTER:
            return {}
        return {
            one.server.facts.host: self._heartbeats[one.server.facts.host].at
            for one in self.workers()
            if one.server.missing and one.server.silent >= WORKER_LOST_AFTER
        }

    def visibility(self) -> ServerVisibility:
        """Return how well the bot sees the servers at this moment."""
        blind = self.blind_since
        if blind is not None and (self._clock() - blind).total_seconds() < LINK_LOSS_GRACE:
            blind = None
        missing = [self._heartbeats[one.facts.host] for one in self.servers() if one.missing]
        workers = self.workers()
        last = {one.server.facts.host: self._heartbeats[one.server.facts.host] for one in workers}
        return ServerVisibility(
            blind,
            silent={last.facts.host: last.at for last in missing if not last.leaving},
            left={last.facts.host: last.at for last in missing if last.leaving},
            idle=queues_without_workers(workers, last),
            blind_because=self.blind_because if blind is not None else "",
        )
