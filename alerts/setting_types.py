"""What the tables of alerts.toml are made of: lengths of time, names of labels, cron."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from alerts.labels import NAME
from baton.timing import calendar, durations


def _seconds(value: object) -> object:
    return durations.parse(value) if isinstance(value, str) else value


def checked_label(name: str) -> str:
    """`name`, if a label can be called so. Raises ValueError that says what it must be."""
    if not NAME.fullmatch(name):
        raise ValueError(f"names of labels, made of letters, digits and _ (not “{name}”)")
    return name


def checked_cron(cron: str) -> str:
    """`cron`, if it names a time. Raises ValueError that says what it must be."""
    fault = calendar.cron_error(cron)
    if fault:
        raise ValueError(f"five fields such as “0 3 * * *” (not “{cron[:80]}”: {fault})")
    return cron


def checked_zone(zone: str) -> str:
    """`zone`, if there is such a time zone. Raises ValueError that says what it must be."""
    try:
        return calendar.canonical(zone)
    except calendar.UnknownZone:
        raise ValueError(f"a time zone such as Europe/Berlin (not “{zone[:80]}”)") from None


Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0, le=durations.LONGEST)]
"""A length of time: `30s`, `5m`, or a number of seconds."""
Wait = Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=durations.LONGEST)]
"""... that may be none: `0s`."""
LabelName = Annotated[str, BeforeValidator(lambda value: checked_label(str(value)))]
Cron = Annotated[str, BeforeValidator(lambda value: checked_cron(str(value)))]
Zone = Annotated[str, BeforeValidator(lambda value: checked_zone(str(value)))]
