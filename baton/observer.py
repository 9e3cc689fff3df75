"""Observer and Observable: whoever has something to say, and whoever is told of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import structlog
from pydantic import JsonValue
from typing_extensions import override

from baton.bus.messages import Level, Message, Update

log = structlog.get_logger(__name__)


class Observer(Protocol):
    """Told of everything that a run says: the output exchange is one, the log another."""

    def notify(self, message: Message) -> None:
        """Take note of `message`. Must not block and must not raise."""


class Observable(ABC):
    """Says things to its observers, in order."""

    def __init__(self, observers: tuple[Observer, ...] = ()) -> None:
        self.observers = observers

    def notify(self, message: Message) -> None:
        """Tell every observer. One that fails is logged and does not keep the others from
        hearing."""
        for observer in self.observers:
            try:
                observer.notify(message)
            except Exception:
                log.exception("observer failed", observer=type(observer).__name__)

    @abstractmethod
    def say(
        self,
        level: Level,
        text: str,
        *,
        step: str,
        percent: int | None,
        facts: dict[str, JsonValue],
    ) -> None:
        """Make the message that says `text`, and notify the observers of it."""

    def notify_info(
        self, text: str, *, step: str = "", percent: int | None = None, **facts: JsonValue
    ) -> None:
        """Say what is being done; `percent` (0 to 100) moves the progress bar."""
        self.say("info", text, step=step, percent=percent, facts=facts)

    def notify_log(self, line: str, *, step: str = "") -> None:
        """Pass on raw output: a line, or several."""
        self.say("log", line, step=step, percent=None, facts={})

    def notify_success(self, text: str, **facts: JsonValue) -> None:
        """Say that it is done."""
        self.say("success", text, step="", percent=None, facts=facts)

    def notify_error(self, text: str, **facts: JsonValue) -> None:
        """Say that it failed, and why."""
        self.say("error", text, step="", percent=None, facts=facts)


class LogObserver(Observer):
    """Writes what runs say to the log."""

    @override
    def notify(self, message: Message) -> None:
        """Log an update, its raw output at debug level."""
        if isinstance(message, Update):
            write = log.debug if message.level == "log" else log.info
            write(
                message.text or message.state.value,
                job=message.job,
                command=message.command,
                state=message.state.value,
                step=message.step or None,
            )
