"""The checks of a bot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path

from alerts import AlertSettings, load_alerts
from alerts.settings import rules_left_out
from baton.bus.exchanges import (
    BOT_QUEUE,
    DEAD,
    DEAD_BINDINGS,
    DEAD_QUEUE,
    DISCOVER,
    HEARTBEAT_QUEUE,
    INPUT,
    MONITOR_QUEUE,
    PROBED_QUEUE,
    bot_bindings,
    host_key,
)
from baton.bus.facts import Facts
from baton.bus.signing.public_key import PublicKey
from baton.errors import BatonError
from baton.extensions import installed
from bot.doctor.bus_checks import WAITING, Needs, agents, bus, leftovers, rights
from bot.doctor.check_result import CheckResult, Mark, fail, left_out, ok
from bot.doctor.console_checks import console
from bot.doctor.database_checks import database
from bot.doctor.probe_checks import probes
from bot.doctor.rule_checks import freezes, rules
from bot.doctor.signing_checks import of_agents, of_passkeys, own_keys
from bot.doctor.slack_checks import slack, strangers
from bot.settings import BotSettings, load_bot


async def examine_bot(
    file: Path | None, environ: Mapping[str, str], builtins: Iterable[str] = ()
) -> AsyncIterator[CheckResult]:
    """Yield the result of each check of the bot that `file` configures. `builtins` are the names of
    the commands that a bot answers itself."""
    name = str(file) if file else "the environment"
    try:
        settings = load_bot(file, environ)
        commands = installed()
    except BatonError as error:
        yield fail("settings", error)
        return
    for finding in left_out(commands):
        yield finding
    missing = settings.missing()
    for key, must in missing:
        yield fail("settings", f"{name}: {key} is not set", f"set it to {must}.")
    if not missing:
        yield ok("settings", f"{name}; commands: {', '.join(sorted(commands))}")
    for finding in console(settings.web):
        yield finding
    if settings.freeze:
        yield freezes(settings.freeze, heard=bool(settings.audit.channel))
    findings, keys = own_keys([settings.signing.key, settings.signing.also], environ)
    for finding in findings:
        yield finding
    alerts: AlertSettings | None = None
    if settings.alerts.file is not None:
        found, alerts = alerts_file(settings.alerts.file)
        yield found
        for reason in rules_left_out(settings.alerts.file) if alerts else ():
            yield fail("extension", reason, "repair or uninstall it.")
    if not any(key.startswith("slack") for key, _ in missing):
        for finding in await slack(settings.slack, alerts.all_channels if alerts else ()):
            yield finding
    url = settings.database.url.get_secret_value()
    tables = await database(url)
    yield tables
    if tables.mark is Mark.OK:
        for finding in await strangers(url):
            yield finding
    if settings.bus.urls:
        async for finding in _on_the_bus(settings, alerts, [*commands, *builtins], keys):
            yield finding


async def _on_the_bus(
    settings: BotSettings,
    alerts: AlertSettings | None,
    commands: Sequence[str],
    keys: Sequence[PublicKey],
) -> AsyncIterator[CheckResult]:
    async with bus(settings.bus.urls) as (channel, found):
        yield found
        if channel is None:
            return
        for finding in await rights(channel, needs(alerts is not None)):
            yield finding
        for finding in await leftovers(channel):
            yield finding
        facts: dict[str, Facts] = {}
        yield WAITING
        for finding in await agents(channel, facts=facts):
            yield finding
        for finding in of_agents(settings.signing, keys, facts.values()):
            yield finding
        for finding in of_passkeys(settings.web.url, facts.values()):
            yield finding
        for finding in probes(alerts.probe if alerts and facts else (), facts):
            yield finding
        asked = settings.slack if settings.slack.bot_token else None
        for finding in await rules(settings.policy, commands, facts.values(), asked):
            yield finding


def needs(alerts: bool) -> Needs:
    """Return the permissions that a bot needs, with or without alerts."""
    queues = [BOT_QUEUE, HEARTBEAT_QUEUE]
    if alerts:
        queues += [MONITOR_QUEUE, PROBED_QUEUE]
    return Needs(
        "the bot",
        [*((queue, bot_bindings(queue)) for queue in queues), (DEAD_QUEUE, DEAD_BINDINGS)],
        [(INPUT, DISCOVER), (INPUT, host_key("doctor")), (DEAD, "doctor")],
    )


def alerts_file(file: Path) -> tuple[CheckResult, AlertSettings | None]:
    """Check whether this alerts.toml is valid; return what it says, too."""
    try:
        found = load_alerts(file)
    except BatonError as error:
        return fail("alerts", error), None
    return ok("alerts", f"{file} is valid; notifications go to {', '.join(found.channels)}"), found
