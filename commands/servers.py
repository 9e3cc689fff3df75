"""`/servers` lists the servers, with their apps and last heartbeat. The bot answers it itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, ClassVar

from pydantic import Field
from typing_extensions import override

from baton.bus.facts import Facts
from baton.command import Command, Known, KnownServer, Reach
from baton.consumer import Extension
from baton.errors import UsageError
from baton.fields import Name, Positional
from baton.outcome import Answer, duration, named
from baton.text.words import did_you_mean

COLUMNS = ("host", "environment", "apps", "last heartbeat", "version")


class ListServers(Command):
    """List servers with their apps, version and last heartbeat."""

    name: ClassVar[str] = "servers"
    reach: ClassVar[Reach] = Reach.HERE
    example: ClassVar[str] = "/servers prod"
    changes: ClassVar[bool] = False

    environment: Annotated[Name | None, Positional] = Field(
        None, description="this environment only"
    )

    @override
    def answer(self, known: Known) -> Answer:
        """Return a table of the servers, with the missing ones marked.

        Raises UsageError if no server of `environment` has ever sent a heartbeat.
        """
        servers = known.servers()
        if not servers:
            return Answer(
                f"No server has sent a heartbeat yet{_blind(known)}. "
                "Start an agent with `baton agent --config FILE`."
            )
        if self.environment is not None:
            there = sorted({seen.facts.environment for seen in servers})
            if self.environment not in there:
                raise UsageError(
                    f"Unknown environment “{self.environment}”."
                    f"{did_you_mean(self.environment, there)} Environments: {named(there)}.",
                    f"Usage: {self.usage()}",
                    "environment",
                )
            servers = [seen for seen in servers if seen.facts.environment == self.environment]
        rows = tuple(_row(seen) for seen in servers)
        summary = _summary(servers, known.signing_keys) + _blind(known)
        if not any(seen.notes for seen in servers):
            return Answer(summary, COLUMNS, rows)
        noted = tuple(
            (*row, "; ".join(seen.notes)) for row, seen in zip(rows, servers, strict=True)
        )
        return Answer(summary, (*COLUMNS, "note"), noted)


def _blind(known: Known) -> str:
    since = known.blind_since
    return f"; no connection to RabbitMQ since {since:%H:%M:%S} UTC" if since else ""


def _summary(servers: Sequence[KnownServer], keys: Iterable[str]) -> str:
    missing = [seen.facts.host for seen in servers if seen.missing]
    noted = [f"{seen.facts.host}: {', '.join(seen.notes)}" for seen in servers if seen.notes]
    parts = [f"{len(servers)} server" + ("s" if len(servers) != 1 else "")]
    if missing:
        parts.append(f"missing: {named(missing)}")
    if yet := insisting(seen.facts for seen in servers):
        parts.append(yet)
    parts += filter(None, (unaware((seen.facts for seen in servers), key) for key in keys))
    if noted:
        parts.append(f"check {named(noted, 3)}")
    return ", ".join(parts)


def insisting(servers: Iterable[Facts]) -> str:
    """Return how many of `servers` take what no trusted key has signed, `3 of 40 do not insist on
    signatures yet: web-1, ...`; empty if all refuse it, or if none looks at signatures."""
    facts = list(servers)
    looking = [one for one in facts if one.signing is not None and one.signing.mode != "off"]
    lax = [one.host for one in facts if one.signing is None or not one.signing.insists]
    if not looking or not lax:
        return ""
    do = "does" if len(lax) == 1 else "do"
    return f"{len(lax)} of {len(facts)} {do} not insist on signatures yet: {named(sorted(lax), 3)}"


def unaware(servers: Iterable[Facts], key: str) -> str:
    """Return how many of those `servers` that look at signatures do not know `key`, a fingerprint:
    `3 of 40 do not know the key SHA256:... yet: web-1, ...`; empty if all do."""
    looking = [one for one in servers if one.signing is not None and one.signing.mode != "off"]
    lacking = [one.host for one in looking if one.signing and key not in one.signing.keys]
    if not lacking:
        return ""
    do = "does" if len(lacking) == 1 else "do"
    names = named(sorted(lacking), 3)
    return f"{len(lacking)} of {len(looking)} {do} not know the key {key} yet: {names}"


def _row(seen: KnownServer) -> tuple[str, ...]:
    facts = seen.facts
    heard = f"{duration(seen.silent)} ago"
    return (
        facts.host,
        facts.environment,
        ", ".join(facts.apps) or "none",
        f"missing, {heard}" if seen.missing else heard,
        facts.version or "unknown",
    )


extension = Extension(ListServers)
