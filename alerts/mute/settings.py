"""The tables of alerts.toml that say what is muted: maintenance, and which alerts mute which."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Self

from pydantic import AwareDatetime, Field, field_validator, model_validator

from alerts.labels import ALERTNAME, SILENT
from alerts.labels.matchers import Matchers
from alerts.mute.inhibition import InhibitRule
from alerts.mute.silences import Window
from alerts.setting_types import Cron, LabelName, Seconds, Zone
from baton.fields import Host, Name
from baton.settings import Table


class InhibitTable(Table):
    """`[[inhibit]]`: while a `source` fires, a `target` with the same `equal` labels is muted."""

    source: Matchers
    target: Matchers
    equal: tuple[LabelName, ...] = ()


class MaintenanceTable(Table):
    """`[[maintenance]]`: planned maintenance, once from `start` to `end`, or at each time of `cron`
    for `length`."""

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
        """The window as Muting takes it."""
        return Window(
            self.match,
            self.reason,
            starts=self.start.timestamp() if self.start else 0.0,
            ends=self.end.timestamp() if self.end else 0.0,
            cron=self.cron,
            zone=self.zone,
            length=self.length or 0.0,
        )


class MuteSettings(Table):
    """The part of alerts.toml that muting reads. `gateways` names, for an environment, the server
    without which the others there cannot be reached."""

    gateways: Mapping[Name, Host] = Field(default_factory=dict)
    inhibit: tuple[InhibitTable, ...] = ()
    maintenance: tuple[MaintenanceTable, ...] = ()

    @property
    def windows(self) -> tuple[Window, ...]:
        """The maintenance windows."""
        return tuple(table.window for table in self.maintenance)

    @property
    def rules(self) -> tuple[InhibitRule, ...]:
        """The inhibit rules: a silent server mutes the apps and probes on it, a gateway mutes the
        servers of its environment; then those of the file."""
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
