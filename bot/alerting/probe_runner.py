"""Runs the probes of alerts.toml while this bot leads: over HTTP(S) and TCP from where it is, and
by agents where alerts.toml says so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime

import structlog

from alerts import LivenessSeen, Sample
from alerts.checks.settings import ProbeTable
from baton.agent.probing import ProbeResult
from baton.bus.channel import Channel
from baton.bus.messages import Probed, now
from baton.bus.signing.signer import UNSIGNED, Signer
from bot.alerting.agent_prober import AgentProber
from bot.alerting.runner import AlertRunner
from bot.servers.registry import ServerRegistry
from commands.probes import NetworkProbe

log = structlog.get_logger(__name__)

MAX_AT_ONCE = 50
"""Probes of our own at once, at most."""
MAX_JITTER = 5.0
"""Seconds over which the first probes are spread, at most: not all of them at once."""


class ProbeRunner:
    """Runs a probe when it is due, and gives `runner` what was observed. Agents are asked on
    `channel`, in the name of `source`, signed by `signer`."""

    def __init__(
        self,
        runner: AlertRunner,
        channel: Channel,
        servers: ServerRegistry,
        source: str,
        clock: Callable[[], datetime] = now,
        signer: Signer = UNSIGNED,
    ) -> None:
        self._runner = runner
        self._agents = AgentProber(channel, servers, source, clock, signer)
        self._reaching = NetworkProbe()
        self._free = asyncio.Semaphore(MAX_AT_ONCE)

    def receive(self, said: Probed) -> None:
        """Take the answer of an agent. Whatever it found, the agent is alive."""
        self._agents.receive(said)
        self._runner.observe(LivenessSeen(said.host, said.environment, self._runner.now()))

    async def look(self, probe: ProbeTable) -> float:
        """Run `probe` once; return the seconds after which it is due again."""
        begun = time.monotonic()
        try:
            if probe.host is None:
                async with self._free:
                    self._observe(probe, await self._reaching.look(probe.look))
            else:
                self._observe(probe, self._agents.overdue_answer(probe.name, probe.host))
                found = await self._agents.look(probe.name, probe.host, probe.look)
                self._observe(probe, found)
        except Exception as error:
            # an unforeseen fault of one must not end the others
            log.exception("a probe failed", probe=probe.name)
            self._observe(
                probe, ProbeResult(True, f"the probe itself failed: {type(error).__name__}")
            )
        return max(probe.every - (time.monotonic() - begun), 0.0)

    def _observe(self, probe: ProbeTable, found: ProbeResult | None) -> None:
        if found is not None:
            sample = Sample(
                probe.identity,
                found.bad,
                self._runner.now(),
                found.text,
                probe.severity,
                source=probe.source,
            )
            self._runner.observe(sample)
