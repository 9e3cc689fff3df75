"""The known servers, by their heartbeats, and which of them a request means. Pure.

Blind is not down: while our own link to RabbitMQ is lost no server's silence counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from typing_extensions import override

from baton.bus.exchanges import WEEK
from baton.bus.facts import Facts
from baton.command import Known, KnownServer, Target
from baton.errors import UsageError
from baton.text.words import did_you_mean

MISSED_HEARTBEATS = 3
"""Heartbeats that may be missed before a server counts as missing."""

FORGET_AFTER = WEEK
"""Seconds of silence after which no request is meant for a server: its queue has expired too."""


@dataclass(frozen=True, slots=True)
class LastHeartbeat:
    """The last heartbeat of a server. `interval` is in seconds; `leaving`: its agent was
    stopped."""

    facts: Facts
    at: datetime
    interval: float
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class VisibleServers(Known):
    """The servers that somebody is allowed to look at; the bot signs with `keys`."""

    visible: Sequence[KnownServer]
    blind_from: datetime | None
    keys: Sequence[str] = ()

    @property
    @override
    def signing_keys(self) -> Sequence[str]:
        """The fingerprints of the keys with which the bot signs."""
        return self.keys

    @property
    @override
    def blind_since(self) -> datetime | None:
        """Since when the link to RabbitMQ is lost; None while it is up."""
        return self.blind_from

    @override
    def servers(self) -> Sequence[KnownServer]:
        """Return those servers, by name."""
        return self.visible


def known_servers(
    heartbeats: Iterable[LastHeartbeat],
    now: datetime,
    blind_since: datetime | None,
    saw_from: datetime | None,
) -> list[KnownServer]:
    """Return each server, with the seconds since its last heartbeat.

    Only silence while we could receive makes it missing: from `saw_from`, when our link last came
    up (None: it never did), to `blind_since`, if it is lost again. A server that is missing for
    longer than FORGET_AFTER is left out.
    """
    until = min(now, blind_since) if blind_since else now
    servers = []
    for server in sorted(heartbeats, key=lambda server: server.facts.host):
        silent = max((until - server.at).total_seconds(), 0.0)
        missed = False
        if saw_from is not None:
            listened = (until - max(server.at, saw_from)).total_seconds()
            missed = listened > MISSED_HEARTBEATS * server.interval
        if not (missed and silent > FORGET_AFTER):
            servers.append(KnownServer(server.facts, silent, server.leaving or missed))
    return servers


def select_servers(servers: Sequence[KnownServer], target: Target) -> list[KnownServer]:
    """Return the servers that `target` means.

    Raises UsageError if there are none: it names the known ones, and what was most likely meant.
    """
    # a worker that has no commands has nothing but its queues: only its own name means it
    here = [one for one in servers if one.facts.commands or not one.facts.runners]
    if target.host is not None:
        here = list(servers)
    if target.environment is not None:
        here = [server for server in here if server.facts.environment == target.environment]
        if not here:
            known = sorted({server.facts.environment for server in servers})
            raise _unknown("Unknown environment", target.environment, known, "environment")
    running = here
    if target.app is not None:
        running = [server for server in here if target.app in server.facts.apps]
        if not running:
            known = sorted({app for server in here for app in server.facts.apps})
            where = target.environment or "any environment"
            raise _unknown(f"No server of {where} runs", target.app, known, "app")
    if target.host is not None:
        return [_one(running, target.host)]
    return list(running)


def _one(servers: Sequence[KnownServer], name: str) -> KnownServer:
    """Return the server called `name`, by its full name or by the part before the first dot."""
    for candidate in servers:
        if candidate.facts.host == name:
            return candidate
    short = [server for server in servers if server.facts.host.partition(".")[0] == name]
    if len(short) == 1:
        return short[0]
    known = [server.facts.host for server in servers]
    raise _unknown("Unknown server", name, known, "host")


def _unknown(what: str, given: str, known: Sequence[str], field: str) -> UsageError:
    if not known:
        hint = "No agent has sent a heartbeat yet: a running agent sends one every few seconds."
        return UsageError(f"{what} “{given}”. {hint}", field=field)
    listed = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
    names = {"environment": "Environments", "app": "Apps", "host": "Servers"}[field]
    hint = f"{did_you_mean(given, known)} {names}: {listed}."
    return UsageError(f"{what} “{given}”.{hint}", field=field)
