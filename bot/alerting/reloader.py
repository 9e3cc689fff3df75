"""Reads alerts.toml again while the bot runs: on SIGHUP, and when somebody asks for it.

An invalid file is refused, and the settings stay as they were. Each of several bots has a file of
its own; the bot that is asked tells the others through the database, where they report the result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from alerts import AlertSettings
from alerts.settings import read_alerts, read_text, rules_left_out
from baton.errors import SettingsError
from bot.alerting.runner import AlertRunner
from bot.store import Store
from bot.store.leases import LEASE

log = structlog.get_logger(__name__)

FOLLOW_INTERVAL = 1.0
"""Seconds between two checks whether somebody asked for it."""
ANSWER_TIMEOUT = 2.0
"""Seconds to wait for the result of the bot that leads."""


@dataclass(frozen=True, slots=True)
class ReloadResults:
    """The results by bot: what is wrong with its file, empty if nothing is. `leader` is the bot
    that leads, empty if none does; its result may be missing yet."""

    problems: Mapping[str, str]
    leader: str


class Reloader:
    """Reads `file` for `runner`. `name` is this bot's; `text` is the text of the settings that are
    in force. A SettingsError says file, line and reason."""

    def __init__(self, runner: AlertRunner, file: Path, store: Store, name: str) -> None:
        self.file = file
        self.text = read_text(file)
        self.name = name
        self.trial_lock = asyncio.Lock()
        """Held during a replay by other settings: one at a time."""
        self._runner = runner
        self._store = store
        self._answered = 0
        self._follows = False

    def reload(self) -> AlertSettings:
        """Use what the file says now. Raises SettingsError; then nothing changes."""
        text = read_text(self.file)
        settings = read_alerts(text, str(self.file))
        self._runner.reload(settings)
        self.text = text
        for reason in rules_left_out(self.file):
            log.error("rules of an extension are left out", reason=reason)
        return settings

    def reload_or_log(self) -> str:
        """Use what the file says now; return what is wrong with it, if nothing changes."""
        try:
            self.reload()
        except SettingsError as error:
            log.error("alerts not reloaded: the settings stay as they were", reason=str(error))
            return str(error)
        except Exception as error:
            log.exception("alerts not reloaded: an internal error of the bot")
            return f"an internal error of the bot ({type(error).__name__}): see its log"
        return ""

    async def reload_all_bots(self) -> ReloadResults:
        """Have the other bots read their files too, once this one has. Raises
        DatabaseUnavailable."""
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
            log.warning("the bot that leads has not reloaded its alerts yet", leader=leader)
        return ReloadResults(said, leader)

    async def check_for_reload(self) -> None:
        """Reload if another bot was asked to since the last check. Raises DatabaseUnavailable."""
        readings = self._store.reloads
        number = await readings.last_request()
        if number > self._answered:
            # at the start the file has just been read
            problem = self.reload_or_log() if self._follows else ""
            await readings.report(self.name, number, problem)
            self._answered = number
        self._follows = True
