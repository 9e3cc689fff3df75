"""The checks of an agent, on its own server."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any

from baton.agent.manager import input_keys
from baton.agent.service import set_up_consumers
from baton.agent.settings import AGENT_VARIABLES, AgentSettings
from baton.bus.exchanges import DEAD, INPUT, OUTPUT, agent_queue, output_key
from baton.consumer import Consumer
from baton.errors import BatonError
from baton.extensions import installed
from baton.server import Server
from baton.settings import load
from bot.doctor.bus_checks import WAITING, Needs, agents, bus, rights
from bot.doctor.check_result import CheckResult, fail, left_out, ok
from bot.doctor.signing_checks import of_agent


async def examine_agent(
    file: Path | None, environ: Mapping[str, str]
) -> AsyncIterator[CheckResult]:
    """Yield the result of each check of the agent that `file` configures."""
    name = str(file) if file else "the environment"
    try:
        settings = load(AgentSettings, file, AGENT_VARIABLES, environ)
        server = Server.discover(settings.server, file=name)
        server, consumers = set_up_consumers(server, installed(), settings.commands, name)
    except BatonError as error:
        yield fail("settings", error)
        return
    for finding in left_out(installed()):
        yield finding
    does = ", ".join(sorted(consumer.consumer_name for consumer in consumers))
    apps = ", ".join(server.app_names) or "no apps"
    yield ok(
        "settings", f"{name}: {server.fqdn} in {server.environment} runs {apps}; commands: {does}"
    )
    yield writable("journal", settings.agent.state)
    for app, table in (settings.commands.get("deploy") or {}).items():
        yield writable(f"{app}", Path(table["path"]))
        if "repository" in table:
            yield program("git")
    for check in settings.checks.values():
        yield program(check.command[0], "install it, or set its full path in [checks].")
    checks = ", ".join(sorted(settings.checks)) or "none"
    reach = ", ".join(settings.probes.allow) or "none"
    yield ok("probes", f"checks: {checks}; allowed addresses: {reach}")
    for finding in of_agent(settings, environ):
        yield finding
    if not settings.bus.urls:
        yield fail("bus", "[bus] url is not set", "set it, or BATON_BUS_URL.")
        return
    async with bus(settings.bus.urls) as (channel, found):
        yield found
        if channel is not None:
            for finding in await rights(channel, needs(server, consumers)):
                yield finding
            yield WAITING
            for finding in await agents(channel, server.fqdn):
                yield finding


def needs(server: Server, consumers: Iterable[Consumer[Any]]) -> Needs:
    """Return the permissions that the agent of `server` needs."""
    inbox = agent_queue(server.fqdn), [(INPUT, key) for key in input_keys(server, consumers)]
    says = [
        (OUTPUT, output_key(kind, server.environment, "doctor"))
        for kind in ("update", "pong", "heartbeat", "probed")
    ]
    return Needs("the agent", [inbox], [*says, (DEAD, "doctor")])


def writable(what: str, folder: Path) -> CheckResult:
    """Check whether files can be created in `folder`, or the folder itself can."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        who = f"user {os.geteuid()}"
        return fail(
            what,
            f"{folder}: cannot write to {there} ({error.strerror})",
            f"make it writable for {who}, which the agent runs as.",
        )
    return ok(what, f"{folder} is writable" if there == folder else f"{folder} can be created")


def program(name: str, fix: str = "") -> CheckResult:
    """Check whether a program is installed."""
    found = shutil.which(name)
    if found is None:
        return fail(name, "not found", fix or f"install it (Debian: apt install {name}).")
    return ok(name, found)
