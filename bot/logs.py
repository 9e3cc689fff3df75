"""How the log is written: to standard error, for people on a terminal, else for machines."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor


class LogFormat(StrEnum):
    """`auto` is `console` on a terminal and `logfmt` elsewhere."""

    AUTO = "auto"
    CONSOLE = "console"
    LOGFMT = "logfmt"
    JSON = "json"


class LogLevel(StrEnum):
    """What is logged: this and all that is worse."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class _Stderr:
    """Writes to what standard error is at that moment: the chat puts itself in its place."""

    def msg(self, text: str) -> None:
        """Write a line."""
        print(text, file=sys.stderr, flush=True)

    debug = info = warning = error = critical = exception = msg


class _Libraries(logging.Handler):
    """What libraries log, in our own form."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps logging.Handler.emit."""
        structlog.get_logger().log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
        )


def set_up_logs(
    level: LogLevel, form: LogFormat = LogFormat.AUTO, environ: Mapping[str, str] = os.environ
) -> None:
    """Log from `level` on, in the form `form`. Libraries are heard from `warning` on."""
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


def _renderers(form: LogFormat, *, colors: bool) -> list[Processor]:
    if form is LogFormat.CONSOLE:
        plain: Any = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]
    if form is LogFormat.JSON:
        return [
            # without the variables of each frame, which hold tokens and passwords too
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.LogfmtRenderer(
            key_order=["timestamp", "level", "event"], drop_missing=True, bool_as_flag=False
        ),
    ]
