"""Checks of a bot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from baton.errors import BatonError
from baton.exchanges import BOT_QUEUE, HEARTBEAT_QUEUE
from baton.extensions import installed
from bot.alerting.files import load_alerts
from bot.doctor.bus import agents, bus, queues
from bot.doctor.database import database
from bot.doctor.finding import Finding, fail, ok
from bot.doctor.slack import slack
from bot.settings import load_bot


async def examine_bot(file: Path | None, environ: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Each check of the bot that `file` describes, as it is done."""
    name = str(file) if file else "the environment"
    try:
        settings = load_bot(file, environ)
        commands = installed()
    except BatonError as error:
        yield fail("settings", error)
        return
    missing = settings.missing()
    for key, must in missing:
        yield fail("settings", f"{name}: {key} is not set", f"give it {must}.")
    if not missing:
        yield ok("settings", f"{name}; commands: {', '.join(sorted(commands))}")
    if settings.alerts.file is not None:
        yield alerts_file(settings.alerts.file)
    if not any(key.startswith("slack") for key, _ in missing):
        for finding in await slack(settings.slack):
            yield finding
    yield await database(settings.database.url.get_secret_value())
    if not settings.bus.urls:
        return
    async with bus(settings.bus.urls) as (channel, found):
        yield found
        if channel is not None:
            expected = [(BOT_QUEUE, "the bot"), (HEARTBEAT_QUEUE, "the bot")]
            for finding in await queues(channel, expected):
                yield finding
            for finding in await agents(channel):
                yield finding


def alerts_file(file: Path) -> Finding:
    """Whether the bot can go by this alerts.toml."""
    try:
        found = load_alerts(file)
    except BatonError as error:
        return fail("alerts", error)
    return ok("alerts", f"{file}; told in {', '.join(found.channels)}")
