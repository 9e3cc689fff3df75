"""The types of values in alerts.toml: durations, names of labels, cron expressions, time zones."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from alerts.labels import NAME
from baton.timing import calendar, durations


def _seconds(value: object) -> object:
    return durations.parse(value) if isinstance(value, str) else value


def checked_label(name: str) -> str:
    """Return `name` if it is valid for a label. Raises ValueError that says what it must be."""
    if not NAME.fullmatch(name):
        raise ValueError(f"names of labels, made of letters, digits and _ (not “{name}”)")
    return name


def checked_cron(cron: str) -> str:
    """Return `cron` if it is valid and has a time. Raises ValueError that says what it must be."""
    fault = calendar.cron_error(cron)
    if fault:
        raise ValueError(f"five fields such as “0 3 * * *” (not “{cron[:80]}”: {fault})")
    return cron


def checked_zone(zone: str) -> str:
    """Return the canonical name of the time zone. Raises ValueError that says what it must be."""
    try:
        return calendar.canonical(zone)
    except calendar.UnknownZone:
        raise ValueError(f"a time zone such as Europe/Berlin (not “{zone[:80]}”)") from None


Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0, le=durations.LONGEST)]
"""A duration: `30s`, `5m`, or a number of seconds."""
Wait = Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=durations.LONGEST)]
"""A duration that may be zero: `0s`."""
LabelName = Annotated[str, BeforeValidator(lambda value: checked_label(str(value)))]
Cron = Annotated[str, BeforeValidator(lambda value: checked_cron(str(value)))]
Zone = Annotated[str, BeforeValidator(lambda value: checked_zone(str(value)))]
