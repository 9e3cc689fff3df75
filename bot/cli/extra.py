"""The extra `bot`: the packages that `baton bot` needs and an agent does not."""

from __future__ import annotations

from importlib.util import find_spec

from baton.errors import BatonError

EXTRA = (
    "aiohttp",
    "alembic",
    "apscheduler",
    "asyncpg",
    "cryptography",
    "fastapi",
    "icalendar",
    "jinja2",
    "joserfc",
    "markupsafe",
    "prometheus_client",
    "prompt_toolkit",
    "re2",
    "recurring_ical_events",
    "slack_bolt",
    "slack_sdk",
    "sqlalchemy",
    "starlette",
    "tzlocal",
    "uvicorn",
)
"""What the extra `bot` installs."""


class ExtraMissing(BatonError):
    """`baton {command}` needs packages that are not installed ({packages}). Install Baton with its
    extra `bot`, from the folder or the wheel that it came from: pip install '.[bot]' -c
    constraints.txt"""

    permanent = True


def need_extra(command: str) -> None:
    """Raise ExtraMissing if a package of the extra is not installed; `command` needs it."""
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        raise ExtraMissing(command=command, packages=", ".join(missing))
