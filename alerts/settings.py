"""alerts.toml: what is watched, and who hears of it. Checked whole; an error names the line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from pydantic import AwareDatetime, Field, field_validator, model_validator

from alerts.channels import check_channels
from alerts.inhibition import InhibitRule
from alerts.labels import ALERTNAME
from alerts.lines import line_of, parsed
from alerts.matchers import Matchers
from alerts.routes import Route
from alerts.sample import Severity
from alerts.silences import Window
from alerts.threshold import Thresholds
from alerts.watched import (
    CheckInTable,
    Cron,
    GroupedBy,
    LabelName,
    ProbeTable,
    Seconds,
    Wait,
    Zone,
)
from baton.errors import SettingsError
from baton.fields import Host, Name
from baton.settings import Table, validated

SILENT = "silent"
"""The name of the alert about a server whose heartbeats do not come."""


class HeartbeatTable(Table):
    """`[heartbeats]`: the silence of servers. A server is dead when phi reaches `threshold`.

    `pause` and `least_deviation` are parts of the interval that its agent promises; `stopped` is
    how long an agent that was stopped by people may stay away.
    """

    threshold: float = Field(default=8.0, ge=1, le=30)
    pause: float = Field(default=1.0, ge=0, le=100)
    least_deviation: float = Field(default=0.1, gt=0, le=10)
    stopped: Seconds = 300.0
    severity: Severity = Severity.CRITICAL


class FlappingTable(Table):
    """`[flapping]`: thresholds in percent; a `high` of 100 is never reached. Changes older than
    `window` do not count."""

    high: float = Field(default=30.0, gt=0, le=100)
    low: float = Field(default=25.0, ge=0, le=100)
    window: Seconds = 3600.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError("a high that is at least the low")
        return self


class ThresholdTable(Table):
    """`[thresholds]`: results in a row after which something is down, or up again."""

    down_after: int = Field(default=3, ge=1, le=1000)
    up_after: int = Field(default=2, ge=1, le=1000)


class BlindTable(Table):
    """`[blind]`: how long we may be blind `after` which the channels are told."""

    after: Seconds = 30.0


class PushedTable(Table):
    """`[pushed]`: what others push without an end, and do not push again, has `expired` after so
    long; those whose usual pause is longer are given three times that pause."""

    expires: Seconds = 86400.0


class StormTable(Table):
    """`[storm]`: a channel gets at most so many messages `within` that time."""

    most: int = Field(default=5, ge=2, le=100)
    within: Seconds = 60.0


class RecordingTable(Table):
    """`[recording]`: what is seen is written to a file a day in `folder`, on the machine of the bot
    that leads, and kept for so long, so that other settings can be tried on it."""

    folder: Path
    keep: Seconds = 7 * 86400.0

    @field_validator("folder")
    @classmethod
    def _whole(cls, folder: Path) -> Path:
        if not folder.is_absolute():
            raise ValueError("the whole path of a folder, such as /var/lib/baton/recordings")
        return folder


class Waits(Table):
    """What a route may set for itself, and the whole file for all routes."""

    group_by: tuple[GroupedBy, ...] | None = None
    group_wait: Wait | None = None
    group_interval: Seconds | None = None
    repeat_interval: Seconds | None = None
    mention: str | None = None


class RouteTable(Waits):
    """`[[route]]`: alerts that `match` go to `channel`, and with `continue` to later routes too;
    with `drop` nobody is told of them."""

    match: Matchers = Matchers()
    channel: str | None = Field(default=None, min_length=1)
    drop: bool = False
    go_on: bool = Field(default=False, alias="continue")

    @model_validator(mode="after")
    def _somewhere_or_nowhere(self) -> Self:
        if self.drop and (self.channel or self.go_on):
            raise ValueError("either drop = true, or a channel and continue")
        if self.drop and not self.match.parts:
            raise ValueError("a match, for drop = true without one drops every alert")
        return self


class InhibitTable(Table):
    """`[[inhibit]]`: while a `source` fires, a `target` with `equal` labels is not told."""

    source: Matchers
    target: Matchers
    equal: tuple[LabelName, ...] = ()


class MaintenanceTable(Table):
    """`[[maintenance]]`: planned quiet, once from `start` to `end`, or at each `cron` for
    `length`."""

    match: Matchers
    reason: str = Field(min_length=1)
    start: AwareDatetime | None = None
    end: AwareDatetime | None = None
    cron: Cron = ""
    zone: Zone = "UTC"
    length: Seconds | None = None

    @field_validator("start", "end", mode="before")
    @classmethod
    def _with_zone(cls, value: object) -> object:
        if isinstance(value, datetime) and value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        once = self.start is not None and self.end is not None and self.start < self.end
        again = bool(self.cron) and self.length is not None
        if once == again or (again and (self.start or self.end)):
            raise ValueError("either start and a later end, or cron and length")
        return self

    @property
    def window(self) -> Window:
        """As the engine takes it."""
        return Window(
            self.match,
            self.reason,
            starts=self.start.timestamp() if self.start else 0.0,
            ends=self.end.timestamp() if self.end else 0.0,
            cron=self.cron,
            zone=self.zone,
            length=self.length or 0.0,
        )


class AlertSettings(Waits):
    """All of alerts.toml. `channel` hears what no route takes; `board` lists the channels that
    keep a post of what is wrong now; `gateways` names, for an environment, the server without
    which its servers cannot be seen."""

    channel: str = Field(min_length=1)
    group_by: tuple[GroupedBy, ...] = ("env", ALERTNAME)
    group_wait: Wait = 30.0
    group_interval: Seconds = 300.0
    repeat_interval: Seconds = 14400.0
    mention: str = ""
    board: tuple[str, ...] = ()
    gateways: Mapping[Name, Host] = Field(default_factory=dict)
    heartbeats: HeartbeatTable = HeartbeatTable()
    flapping: FlappingTable = FlappingTable()
    thresholds: ThresholdTable = ThresholdTable()
    blind: BlindTable = BlindTable()
    storm: StormTable = StormTable()
    pushed: PushedTable = PushedTable()
    recording: RecordingTable | None = None
    route: tuple[RouteTable, ...] = ()
    inhibit: tuple[InhibitTable, ...] = ()
    maintenance: tuple[MaintenanceTable, ...] = ()
    checkin: tuple[CheckInTable, ...] = ()
    probe: tuple[ProbeTable, ...] = ()

    @field_validator("checkin", "probe")
    @classmethod
    def _names_once(cls, things: tuple[Any, ...]) -> tuple[Any, ...]:
        names = [thing.name for thing in things]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"tables of different names ({', '.join(twice)} is there twice)")
        return things

    @property
    def default_route(self) -> Route:
        """Where alerts go that no route takes."""
        return self._route(RouteTable())

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes, in the order in which they are tried."""
        return tuple(map(self._route, self.route))

    @property
    def channels(self) -> tuple[str, ...]:
        """Every channel that may hear of something."""
        named = [self.channel, *(table.channel for table in self.route if table.channel)]
        return tuple(dict.fromkeys(named))

    @property
    def named(self) -> Iterator[tuple[str, str]]:
        """Every channel that is named, with its key."""
        yield "channel", self.channel
        yield from ((f"board.{at}", channel) for at, channel in enumerate(self.board))
        for at, table in enumerate(self.route):
            if table.channel:
                yield f"route.{at}.channel", table.channel

    @property
    def everywhere(self) -> tuple[str, ...]:
        """Every channel in which something is shown."""
        return tuple(dict.fromkeys((*self.channels, *self.board)))

    @property
    def rules(self) -> tuple[InhibitRule, ...]:
        """What mutes what: a silent server the apps on it and what is looked at from there, a
        gateway its environment's servers."""
        parse = Matchers.parse
        silent = f"{ALERTNAME}={SILENT}"
        built_in = [
            InhibitRule(parse(silent), parse('app=~".+"'), ("env", "host")),
            InhibitRule(parse(silent), parse('probe=~".+"'), ("host",)),
        ]
        for env, host in self.gateways.items():
            source, target = f"{silent} env={env} host={host}", f"{silent} env={env}"
            built_in.append(InhibitRule(parse(source), parse(target), ("env",)))
        own = (InhibitRule(table.source, table.target, table.equal) for table in self.inhibit)
        return (*built_in, *own)

    def limits(self) -> dict[str, Thresholds]:
        """The thresholds of each probe, by the `source` of its samples; the default is under the
        empty name."""
        default = self.thresholds
        return {"": Thresholds(default.down_after, default.up_after)} | {
            probe.source: Thresholds(
                probe.down_after or default.down_after, probe.up_after or default.up_after
            )
            for probe in self.probe
        }

    def _route(self, table: RouteTable) -> Route:
        return Route(
            table.match,
            table.channel or self.channel,
            self.group_by if table.group_by is None else table.group_by,
            self.group_wait if table.group_wait is None else table.group_wait,
            table.group_interval or self.group_interval,
            table.repeat_interval or self.repeat_interval,
            self.mention if table.mention is None else table.mention,
            table.go_on,
            table.drop,
        )


def load_alerts(file: Path) -> AlertSettings:
    """The settings in `file`. Raises SettingsError that names the file, the line and the reason."""
    return read_alerts(text_of(file), str(file))


def read_alerts(text: str, file: str) -> AlertSettings:
    """The settings that `text` holds, in which channels are named by their ids. Raises
    SettingsError, as `load_alerts` does."""
    settings = parse_alerts(text, file)
    check_channels(settings.named, text, file)
    return settings


def _check_tokens(settings: AlertSettings, text: str, file: str) -> None:
    """Raises SettingsError if two check-ins have the same token: all signs of life would count for
    one of them alone."""
    known: dict[str, int] = {}
    for place, table in enumerate(settings.checkin):
        token = table.token.get_secret_value()
        first = known.setdefault(token, place)
        if token and first != place:
            key = f"checkin.{place}.token"
            line, other = line_of(text, key), line_of(text, f"checkin.{first}.token")
            raise SettingsError(
                file=f"{file}, line {line}",
                key=key,
                problem=f"{table.name} has the token of "
                f"{settings.checkin[first].name} (line {other})",
                must="a token of its own, such as: openssl rand -hex 16",
            )


def text_of(file: Path) -> str:
    """What `file` says. Raises SettingsError."""
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsError(
            file=file,
            key="the file itself",
            problem=f"it cannot be read ({reason})",
            must="a text file that this user may read",
        ) from None


def parse_alerts(text: str, file: str = "alerts.toml") -> AlertSettings:
    """The settings that `text` holds. Raises SettingsError, as `load_alerts` does."""
    table = parsed(text, file)
    try:
        settings: AlertSettings = validated(AlertSettings, table, file=file, key="")
    except SettingsError as error:
        line = line_of(text, str(error.facts["key"]))
        where = f"{file}, line {line}" if line else file
        raise SettingsError(**{**error.facts, "file": where}) from None
    _check_tokens(settings, text, file)
    return settings
