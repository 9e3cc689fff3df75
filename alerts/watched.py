"""What alerts.toml names to be watched: check-ins and probes, and what all tables there are made
of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from alerts.checkins import checked_cron, checked_zone
from alerts.labels import ALERTNAME, NAME, Labels
from alerts.routes import EVERY_LABEL
from alerts.sample import Severity
from baton import durations
from baton.fields import Address, Host, Name
from baton.messages import Look
from baton.settings import Table

_CHECK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def _seconds(value: object) -> object:
    return durations.parse(value) if isinstance(value, str) else value


def _check(value: object) -> object:
    if not isinstance(value, str) or not _CHECK.fullmatch(value):
        raise ValueError(
            "the name of a check such as disk; what is run is in the settings of its agent, under "
            "[checks.disk]"
        )
    return value


def _label(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"names of labels, made of letters, digits and _ (not “{name}”)")
    return name


Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0, le=durations.LONGEST)]
"""A length of time: `30s`, `5m`, or a number of seconds."""
Wait = Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=durations.LONGEST)]
"""... that may be none: `0s`."""
Check = Annotated[str, BeforeValidator(_check)]
"""The name of a check, as an agent's own settings have it."""
LabelName = Annotated[str, BeforeValidator(lambda value: _label(str(value)))]
GroupedBy = Annotated[
    str, BeforeValidator(lambda value: value if value == EVERY_LABEL else _label(str(value)))
]
"""The name of a label, or `...` for all of them, as in Alertmanager."""
Cron = Annotated[str, BeforeValidator(lambda value: checked_cron(str(value)))]
Zone = Annotated[str, BeforeValidator(lambda value: checked_zone(str(value)))]


class Watched(Table):
    """What all named things that are watched have."""

    name: Name
    env: str = ""
    severity: Severity = Severity.WARNING
    labels: Mapping[LabelName, str] = Field(default_factory=dict)

    @property
    def identity(self) -> Labels:
        """The labels of its alert."""
        raise NotImplementedError

    def _labelled(self) -> Self:
        """Itself, if its labels can be those of an alert. Raises ValueError."""
        _ = self.identity
        return self

    def labelled(self, alertname: str, **more: str) -> Labels:
        """Its identity: its name, its environment and its own labels."""
        return Labels.of({**self.labels, ALERTNAME: alertname, "env": self.env, **more})


class CheckInTable(Watched):
    """`[[checkin]]`: must be heard from `every` so often, or by `cron`, `grace` allowed."""

    token: SecretStr = SecretStr("")
    every: Seconds | None = None
    cron: Cron = ""
    zone: Zone = "UTC"
    grace: Seconds = 300.0

    @model_validator(mode="after")
    def _one_rhythm(self) -> Self:
        if (self.every is None) == (not self.cron):
            raise ValueError("either every or cron")
        return self._labelled()

    @property
    def identity(self) -> Labels:
        """The labels of its alert."""
        return self.labelled("late", checkin=self.name)


class ProbeTable(Watched):
    """`[[probe]]`: one of `url`, `tcp` (HOST:PORT) and `command` (a check of the agent of `host`),
    looked at `every` so often by the bot, or by the agent of `host`."""

    url: str | None = Field(default=None, pattern=r"^https?://\S+$", max_length=2_048)
    tcp: Address | None = None
    command: Check | None = None
    host: Host | None = None
    every: Seconds = 60.0
    timeout: Seconds = Field(default=10.0, le=3600)
    status: tuple[int, ...] = Field(default=(200,), max_length=100)
    body: str = Field(default="", max_length=4_096)
    latency: Seconds | None = Field(default=None, le=3600)
    tls_days: int = Field(default=14, ge=0, le=36_500)
    down_after: int | None = Field(default=None, ge=1, le=1000)
    up_after: int | None = Field(default=None, ge=1, le=1000)

    @field_validator("status", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, int) else value

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if sum(map(bool, (self.url, self.tcp, self.command))) != 1:
            raise ValueError("one of url, tcp and command")
        if self.command and self.host is None:
            raise ValueError("a probe with a host, for the bot itself runs no commands")
        return self._labelled()

    @property
    def kind(self) -> Literal["http", "tcp", "command"]:
        """What is done."""
        return "http" if self.url else "tcp" if self.tcp else "command"

    @property
    def look(self) -> Look:
        """As an agent is told."""
        return Look(
            url=self.url or "",
            tcp=self.tcp or "",
            check=self.command or "",
            timeout=self.timeout,
            status=self.status,
            body=self.body,
            latency=self.latency,
            tls_days=self.tls_days,
        )

    @property
    def source(self) -> str:
        """The `source` of its samples."""
        return f"probe/{self.name}"

    @property
    def identity(self) -> Labels:
        """The labels of its alert."""
        return self.labelled(self.kind, probe=self.name, host=self.host or "")
