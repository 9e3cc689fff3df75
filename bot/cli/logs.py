"""Sets up the log: on standard error, readable on a terminal, else for programs."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from enum import StrEnum
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor
from typing_extensions import override

from baton.text.printable import printable

KEEPS_LINES = ("exception", "stack")
"""Entries whose line ends stay: they are our own text."""


class LogFormat(StrEnum):
    """`auto` is `console` on a terminal and `logfmt` elsewhere."""

    AUTO = "auto"
    CONSOLE = "console"
    LOGFMT = "logfmt"
    JSON = "json"


class LogLevel(StrEnum):
    """The lowest level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class _Stderr:
    """Writes to standard error as it is at that moment: the chat of a terminal replaces it."""

    def msg(self, text: str) -> None:
        """Write a line."""
        print(text, file=sys.stderr, flush=True)

    debug = info = warning = error = critical = exception = msg


class _Libraries(logging.Handler):
    """Logs what libraries log, in our own format."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Log `record` as one of our own entries."""
        structlog.get_logger().log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
        )


def set_up_logs(
    level: LogLevel, form: LogFormat = LogFormat.AUTO, environ: Mapping[str, str] = os.environ
) -> None:
    """Log from `level` on, in the format `form`. Libraries are logged from `warning` on."""
    terminal = sys.stderr.isatty()
    if form is LogFormat.AUTO:
        form = LogFormat.CONSOLE if terminal else LogFormat.LOGFMT
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_renderers(form, colors=terminal and not environ.get("NO_COLOR")),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level.value),
        logger_factory=lambda *_: _Stderr(),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=max(logging.WARNING, logging.getLevelName(level.value.upper())),
        handlers=[_Libraries()],
        force=True,
    )


def shown_safely(logger: object, method: str, entry: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Make names and values printable, whoever sent them. The last processor before the renderer.

    The text of an exception keeps its lines. A value that is no text, number or container is shown
    as its own repr.
    """
    return {
        printable(str(name)): _safe(value, lines=name in KEEPS_LINES)
        for name, value in entry.items()
    }


def _safe(value: object, *, lines: bool = False) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return printable(value, lines=lines)
    if isinstance(value, Mapping):
        return {printable(str(name)): _safe(each, lines=lines) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe(each, lines=lines) for each in value]
    return printable(str(value) if isinstance(value, BaseException) else repr(value))


def _renderers(form: LogFormat, *, colors: bool) -> list[Processor]:
    if form is LogFormat.CONSOLE:
        return [
            structlog.processors.format_exc_info,
            shown_safely,
            structlog.dev.ConsoleRenderer(colors=colors),
        ]
    if form is LogFormat.JSON:
        return [
            # without the variables of each frame, which hold tokens and passwords too
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            shown_safely,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    return [
        structlog.processors.format_exc_info,
        shown_safely,
        structlog.processors.LogfmtRenderer(
            key_order=["timestamp", "level", "event"], drop_missing=True, bool_as_flag=False
        ),
    ]
