"""The settings of a rollout: the waves, when it stops, when it asks, and whether it goes back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, GetCoreSchemaHandler, field_validator
from pydantic_core import core_schema

from baton.settings import Table
from baton.timing import durations

Pause = Literal["never", "first", "each"]
_PAUSES: tuple[Pause, ...] = ("never", "first", "each")
_PORTION = re.compile(r"([0-9]{1,6})(%?)")


@dataclass(frozen=True, slots=True)
class Portion:
    """A portion of the servers: a number of them, or a percentage."""

    number: int
    percent: bool = False

    def of(self, count: int) -> int:
        """Return how many of `count` it is: rounded down, and at least one."""
        return max(count * self.number // 100 if self.percent else self.number, 1)

    def __str__(self) -> str:
        """Return it as people write it."""
        return f"{self.number} %" if self.percent else str(self.number)

    @classmethod
    def parse(cls, value: object) -> Portion:
        """Return the portion that is written as `25%`, `3` or 3. Raises ValueError."""
        if isinstance(value, cls):
            return value
        found = None
        if isinstance(value, int | str) and not isinstance(value, bool):
            found = _PORTION.fullmatch(str(value).replace(" ", ""))
        if found is None or int(found[1]) == 0 or (found[2] and int(found[1]) > 100):
            raise ValueError("a number of servers such as 3, or a percentage from 1% to 100%")
        return cls(int(found[1]), bool(found[2]))

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Read it as `parse` does, and write it as it is read."""
        written = core_schema.plain_serializer_function_ser_schema(
            lambda portion: str(portion).replace(" ", "")
        )
        return core_schema.no_info_plain_validator_function(cls.parse, serialization=written)


class RolloutSettings(Table):
    """How a job goes through its servers.

    The first `canary` servers are a wave of their own; `wave` is how many each later wave has, all
    without it. At most `max_unavailable` servers may be unavailable at a time, by default as many
    as a wave has. If more than `max_failed` fail it stops. After a wave, its servers must have been
    healthy for `healthy_for` seconds. It asks a person before the next wave after the first one
    (`pause = "first"`, or true), after each (`"each"`) or `"never"`. With `back` it takes back what
    it has done when it stops because the new version is bad.
    """

    canary: int = Field(default=0, ge=0, le=10_000)
    wave: Portion | None = None
    max_unavailable: Portion | None = None
    max_failed: int = Field(default=0, ge=0, le=10_000)
    healthy_for: float = Field(default=0.0, ge=0, le=86_400)
    pause: Pause = "never"
    back: bool = False

    @field_validator("healthy_for", mode="before")
    @classmethod
    def _a_duration(cls, value: object) -> object:
        return durations.parse(value) if isinstance(value, str) else value

    @field_validator("pause", mode="before")
    @classmethod
    def _yes_is_first(cls, value: object) -> object:
        return {True: "first", False: "never"}[value] if isinstance(value, bool) else value


def strictest(wanted: Sequence[RolloutSettings], servers: int) -> RolloutSettings:
    """Return what satisfies all of `wanted` for so many `servers`: the larger canary, the smaller
    wave, the longer healthy time. What one of them leaves out does not count."""

    def said(name: str) -> list[Any]:
        return [getattr(one, name) for one in wanted if name in one.model_fields_set]

    def smallest(name: str) -> Portion | None:
        sizes = [one for one in said(name) if one is not None]
        return min(sizes, key=lambda one: one.of(servers), default=None)

    return RolloutSettings(
        canary=max(said("canary"), default=0),
        wave=smallest("wave"),
        max_unavailable=smallest("max_unavailable"),
        max_failed=min(said("max_failed"), default=0),
        healthy_for=max(said("healthy_for"), default=0.0),
        pause=max(said("pause"), key=_PAUSES.index, default="never"),
        back=any(said("back")),
    )
