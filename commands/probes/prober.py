"""An agent runs these probes: checks of its settings, and addresses that they allow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from typing_extensions import override

from baton.agent.address_patterns import AddressPattern
from baton.agent.probing import Prober, ProbeResult
from baton.agent.settings import AgentSettings, CheckTable
from baton.bus.messages import Look
from baton.outcome import named
from baton.text.printable import printable
from commands.probes.network import NetworkProbe, target
from commands.probes.programs import run_check


class LocalProber(Prober):
    """A local prober probes from this machine, with the checks of its settings and at allowed
    addresses."""

    def __init__(self, checks: Mapping[str, CheckTable], allow: Iterable[str] = ()) -> None:
        self._checks = checks
        self._allow = [AddressPattern.parse(text) for text in allow]
        self._network = NetworkProbe()

    @classmethod
    def of(cls, settings: AgentSettings) -> LocalProber:
        """Return the prober that the settings of an agent describe."""
        return cls(settings.checks, settings.probes.allow)

    @property
    @override
    def checks(self) -> Iterable[str]:
        return self._checks

    @override
    async def probe(self, look: Look) -> ProbeResult | None:
        if look.check:
            check = self._checks.get(look.check)
            if check is None:
                return ProbeResult(True, unknown_check(look.check, self._checks))
            return await run_check(check, look.timeout)
        if not look.url and not look.tcp:
            return ProbeResult(
                True, "this agent does not support this probe: is it older than the bot?"
            )
        try:
            allowed = self.allowed(look)
        except ValueError as error:
            return ProbeResult(True, printable(f"invalid URL {look.url}: {error}"))
        if not allowed:
            return ProbeResult(True, not_allowed(look.url or look.tcp))
        return await self._network.look(look)

    @override
    async def close(self) -> None:
        """Do nothing: each probe closes what it opened."""

    def allowed(self, look: Look) -> bool:
        """Return whether the settings allow that address. Raises ValueError if the URL is not
        valid."""
        host, port = target(look)
        if look.tcp:
            return any(pattern.allows_tcp(host, port) for pattern in self._allow)
        import httpx

        url = httpx.URL(look.url)
        path = url.raw_path.decode()
        return any(pattern.allows_url(url.scheme, host, port, path) for pattern in self._allow)


def not_allowed(address: str) -> str:
    """Return that an agent may not reach `address`, and what to do."""
    return (
        f"this agent does not allow {printable(address[:200])}: add it to [probes] allow in its"
        " agent.toml"
    )


def unknown_check(check: str, known: Iterable[str]) -> str:
    """Return that an agent does not have `check`, and which it has."""
    names = sorted(known)
    there = f"configured: {named(names)}" if names else "none is configured"
    return f"its agent has no check {check} ({there}): add [checks.{check}] to its settings"
