"""Checks whether agents can do the probes that alerts.toml leaves to them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alerts.checks.settings import ProbeTable
from baton.bus.facts import Facts
from baton.text.words import did_you_mean
from bot.doctor.check_result import CheckResult, fail, ok
from commands.probes import unknown_check


def probes(named: Sequence[ProbeTable], heard: Mapping[str, Facts]) -> list[CheckResult]:
    """Return what is wrong with each probe in `named` that is for a server, given who responded."""
    theirs = [(probe, probe.host) for probe in named if probe.host is not None]
    found = [wrong for probe, host in theirs if (wrong := _wrong(probe, host, heard)) is not None]
    if theirs and not found:
        text = f"agents can run all probes that alerts.toml gives them ({len(theirs)})"
        found.append(ok("probes", text))
    return found


def _wrong(probe: ProbeTable, host: str, heard: Mapping[str, Facts]) -> CheckResult | None:
    facts = heard.get(host)
    if facts is None:
        text = f"{probe.name}: no agent called {host} responded.{did_you_mean(host, heard)}"
        return fail("probes", text, "start it, or correct its name in alerts.toml.")
    if facts.checks is None:
        text = f"{probe.name}: the agent on {host} is too old to run probes"
        return fail("probes", text, "upgrade it.")
    if probe.command and probe.command not in facts.checks:
        text = f"{probe.name}: on {host} {unknown_check(probe.command, facts.checks)}"
        return fail("probes", text, "add it there, and restart the agent.")
    return None
