"""Probes that agents do: requested and answered over the bus, stored nowhere.

An agent is asked only while its heartbeats come, so that nothing piles up for one that is away.
Its silence says nothing about what it was to probe: that it is silent is an alert of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from baton.agent.probing import TEXT_LIMIT, ProbeResult
from baton.bus.api import API
from baton.bus.channel import Channel
from baton.bus.exchanges import INPUT, host_key
from baton.bus.messages import Look, Probe, Probed, now
from baton.bus.signing.signer import UNSIGNED, Signer
from baton.errors import BatonError, Unroutable
from baton.outcome import duration
from baton.text.words import did_you_mean
from bot.servers.registry import ServerRegistry
from commands.probes import unknown_check

log = structlog.get_logger(__name__)

TRANSIT_TIME = 5.0
"""Seconds for the way there and back, in addition to the timeout of the probe."""
SETTLING_TIME = 60.0
"""Seconds after the start in which every running agent must have sent a heartbeat: all are asked
then."""


class AgentProber:
    """Has agents do probes. `servers` lists the servers, `source` is who asks, `signer` signs what
    it asks."""

    def __init__(
        self,
        channel: Channel,
        servers: ServerRegistry,
        source: str,
        clock: Callable[[], datetime] = now,
        signer: Signer = UNSIGNED,
    ) -> None:
        self._api = API(channel, signer)
        self._servers = servers
        self._source = source
        self._clock = clock
        self._asked: dict[str, asyncio.Future[Probed]] = {}
        self._owed: dict[str, datetime] = {}

    def receive(self, said: Probed) -> None:
        """Take the answer of an agent. One that nobody waits for any more is dropped."""
        future = self._asked.get(said.probe)
        if future is not None and not future.done():
            future.set_result(said)

    def overdue_answer(self, name: str, host: str) -> ProbeResult | None:
        """Return what a missing answer says of the probe `name`: bad once the agent has sent a
        heartbeat since, nothing (None) while it may be gone."""
        due, seen = self._owed.get(name), self._servers.find(host)
        if due is None:
            return None
        if seen is None or seen.missing or not self._saw_since(due):
            del self._owed[name]
            return None
        if seen.silent >= (self._clock() - due).total_seconds():
            return None
        del self._owed[name]
        return ProbeResult(True, "its agent sends heartbeats, but did not answer this probe")

    async def look(self, name: str, host: str, look: Look) -> ProbeResult | None:
        """Return what the agent of `host` finds; None if that cannot be known."""
        if self._servers.blind_since is not None:
            return None
        seen = self._servers.find(host)
        if seen is None:
            return self._never_heard(host)
        if seen.missing:
            return None
        checks = seen.facts.checks
        if checks is None:
            version = seen.facts.version or "of an unknown version"
            return ProbeResult(True, f"its agent ({version}) is too old to run probes: upgrade it")
        if look.check and look.check not in checks:
            return ProbeResult(True, unknown_check(look.check, checks))
        return await self._ask(name, host, look)

    async def _ask(self, name: str, host: str, look: Look) -> ProbeResult | None:
        within = look.timeout + TRANSIT_TIME
        at = self._clock()
        deadline = at + timedelta(seconds=within)
        probe = Probe(source=self._source, host=host, look=look, deadline=deadline)
        future = self._asked[probe.id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(within):
                await self._api.publish(
                    INPUT, host_key(host), probe, mandatory=True, timeout=within
                )
                said = await future
        except TimeoutError:
            if self._saw_since(at):
                self._owed[name] = self._clock()
            log.debug("no answer to a probe", probe=name, host=host, within=duration(within))
            return None
        except Unroutable:
            return ProbeResult(True, "its agent sends heartbeats, but has no queue for requests")
        except BatonError as error:
            log.warning(
                "a probe was not sent to its agent", probe=name, host=host, reason=str(error)
            )
            return None
        finally:
            del self._asked[probe.id]
        self._owed.pop(name, None)
        if not said.looked:
            log.warning("an agent could not run a probe", probe=name, host=host, reason=said.text)
            return None
        return ProbeResult(said.bad, said.text[:TEXT_LIMIT])

    def _saw_since(self, at: datetime) -> bool:
        """Return whether our own link has been up all the time since then."""
        since = self._servers.seeing_since
        return since is not None and since <= at

    def _never_heard(self, host: str) -> ProbeResult | None:
        since = self._servers.seeing_since
        if since is None or (self._clock() - since).total_seconds() < SETTLING_TIME:
            return None
        known = [seen.facts.host for seen in self._servers.servers()]
        return ProbeResult(True, f"no agent called {host} is known.{did_you_mean(host, known)}")
