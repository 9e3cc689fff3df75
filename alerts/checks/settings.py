"""The tables of alerts.toml that say what is checked, and what counts as down."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from alerts.checks.threshold import Thresholds
from alerts.labels import ALERTNAME, Labels
from alerts.observation import Severity
from alerts.setting_types import Cron, LabelName, Seconds, Zone
from baton.bus.messages import Look
from baton.fields import Address, Host, Name
from baton.settings import Table

_CHECK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def _check(value: object) -> object:
    if not isinstance(value, str) or not _CHECK.fullmatch(value):
        raise ValueError(
            "the name of a check such as disk; its program is configured on the agent, under "
            "[checks.disk]"
        )
    return value


Check = Annotated[str, BeforeValidator(_check)]
"""The name of a check in the settings of an agent."""


class HeartbeatTable(Table):
    """`[heartbeats]`: missing heartbeats. A server counts as down when phi reaches `threshold`.

    `pause` and `least_deviation` are fractions of the interval that its agent promises; `stopped`
    is how many seconds an agent that people stopped may be away.
    """

    threshold: float = Field(default=8.0, ge=1, le=30)
    pause: float = Field(default=1.0, ge=0, le=100)
    least_deviation: float = Field(default=0.1, gt=0, le=10)
    stopped: Seconds = 300.0
    severity: Severity = Severity.CRITICAL


class FlappingTable(Table):
    """`[flapping]`: thresholds in percent; a `high` of 100 is never reached. Changes older than
    `window` seconds do not count."""

    high: float = Field(default=30.0, gt=0, le=100)
    low: float = Field(default=25.0, ge=0, le=100)
    window: Seconds = 3600.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError("set so that high is at least low")
        return self


class ThresholdTable(Table):
    """`[thresholds]`: the consecutive results after which a check is down, or up again."""

    down_after: int = Field(default=3, ge=1, le=1000)
    up_after: int = Field(default=2, ge=1, le=1000)


class BlindTable(Table):
    """`[blind]`: how many seconds we may be blind before the channels are notified."""

    after: Seconds = 30.0


class PushedTable(Table):
    """`[pushed]`: a pushed alert without an end that is not repeated has `expired` after so many
    seconds, or after three times the usual pause of its sender if that is longer."""

    expires: Seconds = 86400.0


class LabelledTable(Table):
    """What check-ins and probes have in common: a name, and the labels of their alert."""

    name: Name
    env: str = ""
    severity: Severity = Severity.WARNING
    labels: Mapping[LabelName, str] = Field(default_factory=dict)

    @property
    def identity(self) -> Labels:
        """The labels of its alert."""
        raise NotImplementedError

    def _labelled(self) -> Self:
        """Return itself if its labels are valid for an alert. Raises ValueError."""
        _ = self.identity
        return self

    def alert_labels(self, alertname: str, **more: str) -> Labels:
        """Return the labels of its alert: its name, its environment, its own labels and `more`."""
        return Labels.of({**self.labels, ALERTNAME: alertname, "env": self.env, **more})


class CheckInTable(LabelledTable):
    """`[[checkin]]`: must come `every` so often, or at the times of `cron`, and is late after
    `grace`."""

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
        return self.alert_labels("late", checkin=self.name)


class ProbeTable(LabelledTable):
    """`[[probe]]`: one of `url`, `tcp` (HOST:PORT) and `command` (a check of the agent of `host`).
    It is run `every` so often by the bot, or by the agent of `host`."""

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
            raise ValueError("a probe with a host, because the bot itself runs no commands")
        return self._labelled()

    @property
    def kind(self) -> Literal["http", "tcp", "command"]:
        """How it probes."""
        return "http" if self.url else "tcp" if self.tcp else "command"

    @property
    def look(self) -> Look:
        """The probe as it is sent to an agent."""
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
        return self.alert_labels(self.kind, probe=self.name, host=self.host or "")


class CheckSettings(Table):
    """The part of alerts.toml that the checks read."""

    heartbeats: HeartbeatTable = HeartbeatTable()
    flapping: FlappingTable = FlappingTable()
    thresholds: ThresholdTable = ThresholdTable()
    blind: BlindTable = BlindTable()
    pushed: PushedTable = PushedTable()
    checkin: tuple[CheckInTable, ...] = ()
    probe: tuple[ProbeTable, ...] = ()

    @field_validator("checkin", "probe")
    @classmethod
    def _names_once(cls, things: tuple[Any, ...]) -> tuple[Any, ...]:
        names = [thing.name for thing in things]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"tables with different names ({', '.join(twice)} is used twice)")
        return things

    def thresholds_by_source(self) -> dict[str, Thresholds]:
        """Return the thresholds of each probe by the `source` of its samples; the default is under
        the empty name."""
        default = self.thresholds
        return {"": Thresholds(default.down_after, default.up_after)} | {
            probe.source: Thresholds(
                probe.down_after or default.down_after, probe.up_after or default.up_after
            )
            for probe in self.probe
        }
