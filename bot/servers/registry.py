"""The roster: which servers this bot knows, and whether it can see them at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from typing_extensions import override

from baton.channel import Link
from baton.command import Known, Seen
from baton.errors import BatonError
from baton.messages import Heartbeat, now
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
from bot.servers.sight import ServerVisibility

LINK_SETTLE_TIME = 5.0
"""Seconds after our link came up in which heartbeats may have waited on the bus."""
LINK_LOSS_GRACE = 3.0
"""Seconds for which our link may be gone before every post says so."""


class Roster(Known):
    """The last heartbeat of each server, kept in memory and filled from the database at the
    start. `findings` has people told of what is odd about a server, and `noted` says what others
    found odd about it; `refusal` is why the bus keeps us out for good, if it does."""

    def __init__(
        self,
        findings: Findings,
        noted: Callable[[str], tuple[str, ...]],
        refusal: Callable[[], BatonError | None],
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._findings = findings
        self._noted = noted
        self._clock = clock
        self._refusal = refusal
        self._heartbeats: dict[str, LastHeartbeat] = {}
        self._histories: dict[str, HeartbeatHistory] = {}
        self._blind_since: datetime | None = clock()
        self.seeing_since: datetime | None = None
        self._saw_since: datetime | None = None  # stays when we are blind again

    def fill(self, heard: Iterable[LastHeartbeat]) -> None:
        """Take over what the database holds; what was heard later in this process stays."""
        for server in heard:
            known = self._heartbeats.get(server.facts.host)
            if known is None or known.at < server.at:
                self._heartbeats[server.facts.host] = server

    def hear(self, beat: Heartbeat, *, proven: bool = False, again: bool = False) -> bool:
        """Take note of a heartbeat, as heard now: clocks of servers may be wrong. Whether it is
        believed.

        A server stays in its environment until its own agent has `proven` that it says otherwise,
        or people forget the server. `again`: the heartbeat was delivered before.
        """
        at, facts = self._clock(), beat.facts
        known = self.find(facts.host)
        trace = self._histories.setdefault(facts.host, HeartbeatHistory())
        if known is not None and known.facts.environment != facts.environment:
            if again:
                return False
            old = known.facts.environment
            self._findings.found(
                environment_change(facts.host, old, facts.environment, believed=proven)
            )
            if not proven:
                trace.claimed = facts.environment, at
                return False
        trace.claimed = None if proven else trace.claimed
        if trace.record(beat, at, again=again, live=self._live(at)):
            self._findings.found(duplicate_agents(facts.host, facts.environment))
        if abs(trace.skew) > MAX_SKEW:
            theirs = clock_skew(facts.host, facts.environment, trace.skew)
            skews = [one.skew for one in self._histories.values() if one.offsets]
            self._findings.found(own_clock_skew(skews) or theirs)
        self._heartbeats[facts.host] = LastHeartbeat(facts, at, beat.interval, beat.leaving)
        return True

    def forget(self, host: str, at: datetime) -> None:
        """Know nothing of `host` that was heard up to `at`."""
        heard = self._heartbeats.get(host)
        if heard is not None and heard.at <= at:
            del self._heartbeats[host]
            self._histories.pop(host, None)

    def _live(self, at: datetime) -> bool:
        """Whether what comes now was sent just now: what had waited for us on the bus came when our
        link came up."""
        return (
            self.seeing_since is not None
            and (at - self.seeing_since).total_seconds() > LINK_SETTLE_TIME
        )

    def link_changed(self, link: Link) -> None:
        """Our own link to the bus came up, or went. A bus that takes no messages takes none of
        the servers' either, so we are as blind as without it."""
        if link is not Link.UP:
            self._blind_since = self._blind_since or self._clock()
            self.seeing_since = None
        else:
            self.seeing_since = self._saw_since = self.seeing_since or self._clock()
            self._blind_since = None

    @property
    @override
    def blind_since(self) -> datetime | None:
        """Since when the bus is away, or takes no messages; None while we see."""
        return self._blind_since

    @property
    def blind_because(self) -> str:
        """Why the bus keeps us blind for good, with what to do; empty if it does not."""
        refusal = self._refusal()
        return "" if refusal is None or self.blind_since is None else str(refusal)

    @override
    def servers(self) -> list[Seen]:
        """Every server that was heard, by name."""
        at = self._clock()
        known = known_servers(self._heartbeats.values(), at, self.blind_since, self._saw_since)
        return [
            replace(one, notes=notes) if (notes := self._notes(one.facts.host, at)) else one
            for one in known
        ]

    def _notes(self, host: str, at: datetime) -> tuple[str, ...]:
        trace = self._histories.get(host)
        return (*(trace.notes(at) if trace else ()), *self._noted(host))

    def find(self, host: str) -> Seen | None:
        """One server by its whole name; None if it was never heard, or not for so long that it is
        forgotten."""
        heard = self._heartbeats.get(host)
        known = [] if heard is None else [heard]
        return next(
            iter(known_servers(known, self._clock(), self.blind_since, self._saw_since)), None
        )

    def sight(self) -> ServerVisibility:
        """How well we see the servers at this moment."""
        blind = self.blind_since
        if blind is not None and (self._clock() - blind).total_seconds() < LINK_LOSS_GRACE:
            blind = None
        missing = [self._heartbeats[seen.facts.host] for seen in self.servers() if seen.missing]
        return ServerVisibility(
            blind,
            silent={heard.facts.host: heard.at for heard in missing if not heard.leaving},
            left={heard.facts.host: heard.at for heard in missing if heard.leaving},
            blind_because=self.blind_because if blind is not None else "",
        )
