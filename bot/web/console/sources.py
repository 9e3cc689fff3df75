"""What the console needs of parts that it must not import: alerts and the scheduler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from alerts import AlertSettings, Engine
from bot.dispatch.policy import Record
from bot.jobs import Place
from bot.schedules.schedule import Schedule


class AlertSource(Protocol):
    """What decides about alerts. Times are steady seconds."""

    @property
    def settings(self) -> AlertSettings:
        """Return the settings."""

    def now(self) -> float:
        """Return the time."""

    async def view(self) -> Engine:
        """Return the engine, to be read only. Raises DatabaseUnavailable."""

    @property
    def unpostable(self) -> UnpostableChannels:
        """Return what knows the channels, of those it is given, in which the bot cannot post."""


class UnpostableChannels(Protocol):
    """Knows in which channels the bot cannot post."""

    def __call__(self, channels: Sequence[str], /) -> Mapping[str, str]:
        """Return those of `channels` in which it cannot, each with the reason."""


class MessageAddress(Protocol):
    """Knows where the messages of a chat can be opened in a browser."""

    def __call__(self, place: Place, message: str, /) -> str:
        """Return the address of `message` in `place`, in the thread that `place` names; of the
        channel if `message` is empty. Empty if it is no place of this chat."""


class ScheduleRecords(Protocol):
    """Knows schedules as somebody may want to read them."""

    def record(self, schedule: Schedule) -> Record:
        """Return `schedule` as somebody may want to read it."""
