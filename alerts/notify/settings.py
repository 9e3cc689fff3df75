"""The tables of alerts.toml that say which channels are notified of an alert, and how soon."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from alerts.labels import ALERTNAME
from alerts.labels.matchers import Matchers
from alerts.notify.routes import EVERY_LABEL, Route
from alerts.setting_types import Seconds, Wait, checked_label
from baton.settings import Table

GroupedBy = Annotated[
    str, BeforeValidator(lambda value: value if value == EVERY_LABEL else checked_label(str(value)))
]
"""The name of a label, or `...` for all of them, as in Alertmanager."""


class StormTable(Table):
    """`[storm]`: a channel gets at most `most` messages `within` that time."""

    most: int = Field(default=5, ge=2, le=100)
    within: Seconds = 60.0


class RouteOptions(Table):
    """What a route may set for itself, and the file for all routes."""

    group_by: tuple[GroupedBy, ...] | None = None
    group_wait: Wait | None = None
    group_interval: Seconds | None = None
    repeat_interval: Seconds | None = None
    mention: str | None = None


class RouteTable(RouteOptions):
    """`[[route]]`: alerts that `match` go to `channel`, and with `continue` to later routes too;
    with `drop` nobody is notified."""

    match: Matchers = Matchers()
    channel: str | None = Field(default=None, min_length=1)
    drop: bool = False
    continues: bool = Field(default=False, alias="continue")

    @model_validator(mode="after")
    def _somewhere_or_nowhere(self) -> Self:
        if self.drop and (self.channel or self.continues):
            raise ValueError("either drop = true, or a channel and continue")
        if self.drop and not self.match.parts:
            raise ValueError("used with `match`: drop = true alone would drop every alert")
        return self


class NotifySettings(RouteOptions):
    """The part of alerts.toml that the dispatcher reads. `channel` is notified of what no route
    takes; `board` lists the channels that have a post with all active alerts."""

    channel: str = Field(min_length=1)
    group_by: tuple[GroupedBy, ...] = ("env", ALERTNAME)
    group_wait: Wait = 30.0
    group_interval: Seconds = 300.0
    repeat_interval: Seconds = 14400.0
    mention: str = ""
    board: tuple[str, ...] = ()
    storm: StormTable = StormTable()
    route: tuple[RouteTable, ...] = ()

    @property
    def default_route(self) -> Route:
        """The route of alerts that no other route takes."""
        return self._route(RouteTable())

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes, in the order in which they are tried."""
        return tuple(map(self._route, self.route))

    @property
    def channels(self) -> tuple[str, ...]:
        """Every channel that may be notified."""
        named = [self.channel, *(table.channel for table in self.route if table.channel)]
        return tuple(dict.fromkeys(named))

    @property
    def named_channels(self) -> Iterator[tuple[str, str]]:
        """Every channel that the file names, with its key."""
        yield "channel", self.channel
        yield from ((f"board.{at}", channel) for at, channel in enumerate(self.board))
        for at, table in enumerate(self.route):
            if table.channel:
                yield f"route.{at}.channel", table.channel

    @property
    def all_channels(self) -> tuple[str, ...]:
        """Every channel in which something is shown."""
        return tuple(dict.fromkeys((*self.channels, *self.board)))

    def _route(self, table: RouteTable) -> Route:
        return Route(
            table.match,
            table.channel or self.channel,
            self.group_by if table.group_by is None else table.group_by,
            self.group_wait if table.group_wait is None else table.group_wait,
            table.group_interval or self.group_interval,
            table.repeat_interval or self.repeat_interval,
            self.mention if table.mention is None else table.mention,
            table.continues,
            table.drop,
        )
