"""An observable reports messages, and its observers receive them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import structlog
from pydantic import JsonValue
from typing_extensions import override

from baton.bus.messages import Level, Message, Update
from baton.text.printable import without_escapes

log = structlog.get_logger(__name__)


class Observer(Protocol):
    """An observer receives everything that a run reports: the output exchange is one, the log
    another."""

    def notify(self, message: Message) -> None:
        """Receive `message`. It must not block and must not raise."""


class Observable(ABC):
    """An observable reports messages to its observers, in order."""

    def __init__(self, observers: tuple[Observer, ...] = ()) -> None:
        self.observers = observers

    def notify(self, message: Message) -> None:
        """Pass `message` to every observer. One that fails is logged and does not stop the
        others."""
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
        """Make the message with `text`, and notify the observers of it."""

    def notify_info(
        self, text: str, *, step: str = "", percent: int | None = None, **facts: JsonValue
    ) -> None:
        """Report what is being done; `percent` (0 to 100) moves the progress bar."""
        self.say("info", text, step=step, percent=percent, facts=facts)

    def notify_log(self, line: str, *, step: str = "") -> None:
        """Pass on raw output: a line, or several."""
        self.say("log", line, step=step, percent=None, facts={})

    def notify_success(self, text: str, **facts: JsonValue) -> None:
        """Report that it is done."""
        self.say("success", text, step="", percent=None, facts=facts)

    def notify_error(self, text: str, **facts: JsonValue) -> None:
        """Report that it failed, and why."""
        self.say("error", text, step="", percent=None, facts=facts)


class LogObserver(Observer):
    """A log observer writes what runs report to the log."""

    @override
    def notify(self, message: Message) -> None:
        """Log an update; raw output is logged at debug level."""
        if isinstance(message, Update):
            write = log.debug if message.level == "log" else log.info
            write(
                without_escapes(message.text) or message.state.value,
                job=message.job,
                command=message.command,
                state=message.state.value,
                step=message.step or None,
            )
