"""A plan: what a request would reach, before anybody asks for it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from baton.command import Command, words_of
from bot.dispatch.gates.finding import Finding
from bot.dispatch.gates.looked import Looked
from bot.dispatch.policy import Refusal


@dataclass(frozen=True, slots=True)
class Times:
    """When a schedule would run: the `next` times, a few of them, in UTC. `zone` is the time zone
    in which they were said; `assumed`: it is UTC because that of the person is not known."""

    next: tuple[datetime, ...]
    zone: str
    assumed: bool


@dataclass(frozen=True, slots=True)
class Later:
    """What a schedule would start: its job, as if its time were now, and its times."""

    job: Looked
    times: Times


@dataclass(frozen=True, slots=True)
class Plan:
    """What a request would reach. `text` is the slash command that it equals.

    `allowed` is None for what the bot answers itself: whether the person may have that is decided
    when they ask. `refusal` says why they are not allowed; `hosts` are then only the servers that
    they may look at. `findings` are what every gate says of it. `times` is when a schedule would
    run.
    """

    command: Command
    text: str
    title: str
    environment: str
    app: str | None
    hosts: tuple[str, ...]
    allowed: bool | None
    refusal: Refusal | None = None
    findings: tuple[Finding, ...] = ()
    times: Times | None = None


def slash_command(command: Command, typed: str) -> str:
    """Return the slash command that `command` equals. One that takes its words as they come, quotes
    too, stays as it was `typed`."""
    return f"/{typed.strip().removeprefix('/') if command.verbatim else words_of(command)}"
