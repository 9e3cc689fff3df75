"""The status of the bot at this moment, for /readyz and /metrics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from alerts import Engine
from baton.bus.channel import Channel, Link
from baton.text.printable import printable
from bot.findings import RecentFindings
from bot.store import Depths
from bot.store.errors import DatabaseUnavailable
from bot.store.jobs.ledger import Ledger

DATABASE_TIMEOUT = 3.0
"""Seconds within which the database must answer."""
CACHE_TTL = 1.0
"""Seconds for which one reading serves every request: monitoring costs the database little."""


class HasLink(Protocol):
    """Something that has a link: RabbitMQ or Slack. Moments are on the monotonic clock."""

    @property
    def link(self) -> Link:
        """Return its state."""

    @property
    def link_reason(self) -> str:
        """Return why it is not up."""

    @property
    def link_since(self) -> float:
        """Return when it got into this state."""


class Chat(HasLink, Protocol):
    """The front end in which a team talks to the bot."""

    @property
    def heard(self) -> float | None:
        """Return when it last sent something; None while it cannot."""

    @property
    def calls(self) -> Mapping[tuple[str, str], int]:
        """Return how many calls we made, by method and outcome."""

    @property
    def strangers(self) -> int:
        """Return how many connections use our tokens and belong to no bot of ours."""

    @property
    def clock_ahead(self) -> float | None:
        """Return by how many seconds our clock is ahead of its clock; None if unknown."""


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """A link: whether it is up, for how many seconds, and why it is not."""

    up: bool
    seconds: float
    reason: str = ""


class Task(Protocol):
    """A recurring task of the bot. Moments are on the monotonic clock."""

    @property
    def name(self) -> str:
        """Return its name."""

    @property
    def succeeded(self) -> float | None:
        """Return when it last succeeded; None if it has not yet."""

    @property
    def error(self) -> str:
        """Return why it fails now; empty if it does not."""

    @property
    def failures(self) -> int:
        """Return how often it failed."""


@dataclass(frozen=True, slots=True)
class TaskHealth:
    """A recurring task: how many seconds ago it last succeeded (None: not yet), why it fails now,
    and how often it failed."""

    name: str
    seconds: float | None
    error: str = ""
    failures: int = 0


@dataclass(frozen=True, slots=True)
class BotStatus:
    """One reading of the bot's status. Ages are in seconds.

    `answered` is how long the database took, and `depths` what it holds: None if it did not answer,
    for the reason in `database_reason`, and not since `unanswered` seconds ago, when that was seen
    first. `quiet` is how long ago the chat last sent something; what
    waits are posts, of which only the bot that leads has any. `strangers` are connections with our
    tokens that no bot of ours holds; `clock_ahead` is by how much our clock is ahead of the chat's;
    `lacking` says which queues RabbitMQ refuses us, and that we do without. `findings` are what
    this bot found wrong lately with others or itself, in words, the newest first. `tasks` are those
    that recur.
    """

    bus: LinkStatus
    chat: LinkStatus | None
    quiet: float | None
    answered: float | None
    database_reason: str
    depths: Depths | None
    leading: bool
    waiting: int
    oldest_waiting: float
    strangers: int = 0
    clock_ahead: float | None = None
    lacking: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    tasks: tuple[TaskHealth, ...] = ()
    unanswered: float = 0.0


@dataclass(frozen=True, slots=True)
class Counts:
    """What the bot counts while it runs: what it answered, by verdict; the messages of servers, by
    type; those that were not taken, and what others sent and was refused, by sender and reason; the
    runs that were shown to have ended, by final state."""

    asks: Mapping[str, int]
    received: Mapping[str, int]
    not_taken: Mapping[str, int]
    rejected: Mapping[tuple[str, str], int]
    runs_ended: Mapping[str, int]


class AlertStatus(Protocol):
    """The alerts of a bot that has any."""

    @property
    def engine(self) -> Engine | None:
        """Return the engine, in the bot that leads."""

    @property
    def faults(self) -> int:
        """Return how often a part of the alerts failed alone."""


class WaitingPosts(Protocol):
    """The posts of a front end that are not up to date."""

    def waiting(self) -> int:
        """Return how many there are."""

    def oldest_waiting(self) -> float:
        """Return for how many seconds the oldest has been waiting."""


class Leading(Protocol):
    """Something that knows whether this bot leads."""

    @property
    def leading(self) -> bool:
        """Return whether it does."""


class Tasks(Protocol):
    """The recurring tasks of the bot."""

    @property
    def statuses(self) -> Sequence[Task]:
        """Return each of them."""


class StatusReader:
    """Reads the status of the bot called `name`, and of `chat` if it is connected to one."""

    def __init__(
        self,
        name: str,
        channel: Channel,
        leader: Leading,
        queues: Mapping[str, WaitingPosts],
        ledger: Ledger,
        findings: RecentFindings,
        tasks: Tasks,
        counts: Counts,
        alerts: AlertStatus | None,
        chat: Chat | None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.counts = counts
        self.alerts = alerts
        self.chat = chat
        self._channel = channel
        self._leader = leader
        self._queues = queues
        self._ledger = ledger
        self._findings = findings
        self._tasks = tasks
        self._monotonic = monotonic
        self._reading = asyncio.Lock()
        self._last: BotStatus | None = None
        self._read_at = float("-inf")
        self._unanswered_since: float | None = None

    async def read(self) -> BotStatus:
        """Return the status now, or as it was less than CACHE_TTL seconds ago."""
        async with self._reading:
            if self._last is None or self._monotonic() - self._read_at >= CACHE_TTL:
                self._last = await self._read()
                self._read_at = self._monotonic()
            return self._last

    async def _read(self) -> BotStatus:
        asked = self._monotonic()
        depths, reason = await self._depths()
        now = self._monotonic()
        if depths is not None:
            self._unanswered_since = None
        elif self._unanswered_since is None:
            self._unanswered_since = asked
        heard = self.chat.heard if self.chat else None
        return BotStatus(
            bus=self._link_status(self._channel, now),
            chat=self._link_status(self.chat, now) if self.chat else None,
            quiet=None if heard is None else max(now - heard, 0.0),
            answered=None if depths is None else now - asked,
            database_reason=reason,
            depths=depths,
            leading=self._leader.leading,
            waiting=sum(queue.waiting() for queue in self._queues.values()),
            oldest_waiting=max(
                (queue.oldest_waiting() for queue in self._queues.values()),
                default=0.0,
            ),
            strangers=self.chat.strangers if self.chat else 0,
            clock_ahead=self.chat.clock_ahead if self.chat else None,
            lacking=tuple(str(why) for why in self._channel.lacking.values()),
            findings=tuple(printable(one.text) for one in self._findings.all()),
            tasks=tuple(_task_health(one, now) for one in self._tasks.statuses),
            unanswered=0.0 if self._unanswered_since is None else now - self._unanswered_since,
        )

    async def _depths(self) -> tuple[Depths | None, str]:
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT):
                return await self._ledger.depths(), ""
        except DatabaseUnavailable as error:
            return None, str(error.facts["reason"])
        except TimeoutError:
            return None, f"it did not answer within {DATABASE_TIMEOUT:g} s"

    @staticmethod
    def _link_status(linked: HasLink, now: float) -> LinkStatus:
        seconds = max(now - linked.link_since, 0.0)
        return LinkStatus(linked.link is Link.UP, seconds, linked.link_reason)


def _task_health(task: Task, now: float) -> TaskHealth:
    seconds = None if task.succeeded is None else max(now - task.succeeded, 0.0)
    return TaskHealth(task.name, seconds, task.error, task.failures)
