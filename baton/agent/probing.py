"""An agent runs probes: it checks what a bot names, and reports what it found.

Nothing of it is stored: whoever wants to know the state asks again. The programs that may run are
in this agent's own settings, by name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import structlog

from baton.agent.output import key_of
from baton.bus.api import API, time_to_live
from baton.bus.channel import Channel
from baton.bus.exchanges import OUTPUT
from baton.bus.messages import Look, Probe, Probed
from baton.bus.signing.signer import UNSIGNED, Signer
from baton.errors import BatonError
from baton.server import Server

log = structlog.get_logger(__name__)

MAX_CONCURRENT = 20
"""Probes at a time on one agent; more wait, until their deadline."""
TEXT_LIMIT = 500
"""Characters of what a probe found that are told."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """A probe result says whether something is `bad`, and in `text` what was found."""

    bad: bool
    text: str = ""


NOT_DONE = ProbeResult(True, "the probe did not run: too many probes wait on this agent")
"""What is said where nothing was seen."""


class Prober(Protocol):
    """A prober runs probes from where it is."""

    @property
    def checks(self) -> Iterable[str]:
        """Return the checks that it has, by name."""

    async def probe(self, look: Look) -> ProbeResult | None:
        """Return what is found within `look.timeout` seconds.

        Returns None if the probe could not run, which says nothing about what it was to check. When
        cancelled it ends what it began.
        """

    async def close(self) -> None:
        """Release what it holds."""


class ProbeConsumer:
    """The consumer of probes runs those that arrive for `server`, with `prober`, and reports what
    they found, signed by `signer`."""

    def __init__(
        self,
        channel: Channel,
        server: Server,
        prober: Prober,
        signer: Signer = UNSIGNED,
    ) -> None:
        self.prober = prober
        self._api = API(channel, signer)
        self._server = server
        self._free = asyncio.Semaphore(MAX_CONCURRENT)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, probe: Probe) -> None:
        """Run the probe, and report the result."""
        within = time_to_live(probe) or 0.0
        until = asyncio.get_running_loop().time() + within
        task = asyncio.create_task(self._run(probe, until), name=f"probe {probe.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End the probes in progress; nothing is reported of them."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.prober.close()

    async def _run(self, probe: Probe, until: float) -> None:
        found = self._refused(probe)
        if found is None:
            async with self._free:
                found = await self._probe(probe, until)
        said = Probed(
            source=self._server.fqdn,
            probe=probe.id,
            host=self._server.fqdn,
            environment=self._server.environment,
            bad=found is None or found.bad,
            text=(found or NOT_DONE).text[:TEXT_LIMIT],
            looked=found is not None,
        )
        try:
            await self._api.publish(OUTPUT, key_of(said), said, timeout=5.0)
        except BatonError as error:
            log.warning("the result of a probe was not sent", probe=probe.id, error=str(error))

    async def _probe(self, probe: Probe, until: float) -> ProbeResult | None:
        # the bus hands out none that is late; how long it waited here needs no clock of the wall
        if asyncio.get_running_loop().time() > until:
            log.warning("a probe did not run in time: too many at once", probe=probe.id)
            return None
        try:
            return await self.prober.probe(probe.look)
        except Exception as error:  # whoever asked must hear that it cannot be done
            log.exception("a probe failed", probe=probe.id)
            return ProbeResult(True, f"the probe itself failed: {type(error).__name__}")

    def _refused(self, probe: Probe) -> ProbeResult | None:
        """Return why the probe is refused; None if it is not."""
        if probe.host != self._server.fqdn:
            return ProbeResult(
                True, f"it is meant for {probe.host}, but this server is {self._server.fqdn}"
            )
        if probe.deadline <= probe.time:
            return ProbeResult(True, "it was sent after its deadline")
        return None
