"""Reloading: alerts.toml, read again while the bot runs: on SIGHUP, and when anybody asks for it.

What will not do is refused, and what was in force stays. Each of several bots has a file of its
own; whoever is asked tells the others by way of the database, and they say what came of it there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from alerts import AlertSettings
from alerts.settings import read_alerts, read_text
from baton.errors import SettingsError
from bot.alerting.runner import AlertRunner
from bot.store import Store
from bot.store.leases import LEASE

log = structlog.get_logger(__name__)

FOLLOW_INTERVAL = 1.0
"""Seconds between two looks whether anybody asked for it."""
ANSWER_TIMEOUT = 2.0
"""Seconds for which the bot that leads is waited for."""


@dataclass(frozen=True, slots=True)
class ReloadResults:
    """What the bots said: of each what is wrong with its file, or nothing. `leader` is which of
    them leads, empty if none does; it may not be among them yet."""

    problems: Mapping[str, str]
    leader: str


class Reloader:
    """Reads `file` for `runner`. `name` is this bot's; `text` what the settings were read from that
    are gone by now. A SettingsError says file, line and reason."""

    def __init__(self, runner: AlertRunner, file: Path, store: Store, name: str) -> None:
        self.file = file
        self.text = read_text(file)
        self.name = name
        self.trial_lock = asyncio.Lock()
        """Held by whoever tries what other settings would change: one at a time."""
        self._runner = runner
        self._store = store
        self._answered = 0
        self._follows = False

    def reload(self) -> AlertSettings:
        """Go by what the file says now. Raises SettingsError; then all stays as it was."""
        text = read_text(self.file)
        settings = read_alerts(text, str(self.file))
        self._runner.reload(settings)
        self.text = text
        return settings

    def reload_or_log(self) -> str:
        """Go by what the file says now; what is wrong with it, if all stays as it was."""
        try:
            self.reload()
        except SettingsError as error:
            log.error("alerts stay as they were", reason=str(error))
            return str(error)
        except Exception as error:
            log.exception("alerts cannot go by what their file says now")
            return f"a fault of the bot's ({type(error).__name__}): see its log"
        return ""

    async def reload_all_bots(self) -> ReloadResults:
        """Have the other bots read theirs too, once ours was. Raises DatabaseUnavailable."""
        readings = self._store.reloads
        number = self._answered = await readings.request()
        await readings.report(self.name, number)
        leader = await self._store.leases.holder(LEASE)
        said = await readings.reports(number)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                while leader and leader not in said:
                    await asyncio.sleep(0.1)
                    said = await readings.reports(number)
        except TimeoutError:
            log.warning("the bot that leads has not read its alerts yet", leader=leader)
        return ReloadResults(said, leader)

    async def check_for_reload(self) -> None:
        """Read ours if another bot was asked to since the last time. Raises DatabaseUnavailable."""
        readings = self._store.reloads
        number = await readings.last_request()
        if number > self._answered:
            # at the start the file has just been read
            problem = self.reload_or_log() if self._follows else ""
            await readings.report(self.name, number, problem)
            self._answered = number
        self._follows = True
