"""Settings of what stands between an ask and its start: `[[gate]]` in baton.toml."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from baton.timing import durations
from bot.dispatch.policy import EVERYBODY, MAX_REMEMBERED, ShellPattern, Who
from bot.rollout.settings import RolloutSettings

DAY = 86_400.0
EXPIRES = 3_600.0
"""Seconds after which what waits for people ends by itself, unless a rule says another time."""


def _seconds(value: object) -> object:
    return durations.parse(value) if isinstance(value, str) else value


class GateTable(RolloutSettings):
    """`[[gate]]`: what people have to say before a command that changes servers starts, and how it
    goes through its servers then.

    It is about `commands` in `environments` for `apps`, each a list of names or shell patterns.
    `confirm`: the one who asks sees what would happen and confirms it. `approvals`: so many others
    have to approve it, each of them one of `of` (user IDs and groups; without it, whoever may ask
    for the same). It ends by itself after `expires`. The other settings are those of a rollout. Of
    several that match each one counts.
    """

    commands: tuple[ShellPattern, ...] = Field(default=("*",), min_length=1)
    environments: tuple[ShellPattern, ...] = Field(default=("*",), min_length=1)
    apps: tuple[ShellPattern, ...] = Field(default=("*",), min_length=1)
    confirm: bool = False
    approvals: int = Field(default=0, ge=0, le=20)
    of: tuple[Who, ...] = ()
    expires: Annotated[float, BeforeValidator(_seconds), Field(ge=60, le=7 * DAY)] = EXPIRES

    @model_validator(mode="after")
    def _asks_somebody(self) -> GateTable:
        if not self.confirm and not self.approvals and self.rollout is None:
            raise ValueError(
                "confirm = true, approvals = 1 or more, or how it goes through its servers, such "
                "as canary = 1"
            )
        if self.of and not self.approvals:
            raise ValueError("of only with approvals: it says who may approve")
        if EVERYBODY in self.of:
            raise ValueError("of with user IDs and groups; leave it out for everybody who may ask")
        return self

    @property
    def rollout(self) -> RolloutSettings | None:
        """Return how it goes through its servers; None if the rule does not say."""
        said = self.model_fields_set & RolloutSettings.model_fields.keys()
        return RolloutSettings(**{name: getattr(self, name) for name in said}) if said else None

    def matches(self, command: str, environments: Collection[str], app: str | None) -> bool:
        """Return whether it is about `command`, for `app`, in one of `environments`. What is for no
        app changes the whole server, so every rule counts."""
        return (
            _any(self.commands, command)
            and any(_any(self.environments, each) for each in environments)
            and (app is None or _any(self.apps, app))
        )


class GateRules:
    """The rules of `tables`."""

    def __init__(self, tables: Iterable[GateTable] = ()) -> None:
        self._tables = tuple(tables)
        self._about: dict[tuple[str, tuple[str, ...], str | None], tuple[GateTable, ...]] = {}

    def about(
        self, command: str, environments: Collection[str], app: str | None
    ) -> tuple[GateTable, ...]:
        """Return those that are about `command`. Patterns are matched once for what is asked
        again."""
        key = (command, tuple(environments), app)
        found = self._about.get(key)
        if found is None:
            if len(self._about) >= MAX_REMEMBERED:
                self._about.clear()
            found = tuple(one for one in self._tables if one.matches(command, environments, app))
            self._about[key] = found
        return found


def _any(patterns: Sequence[str], text: str) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)
