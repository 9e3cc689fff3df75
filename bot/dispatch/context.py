"""The context of a command: who called it, where and when. Handlers get it with the command."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from baton.bus.messages import Person
from bot.dispatch.protocol import GroupLookup
from bot.jobs import Place
from bot.rollout.settings import RolloutSettings


@dataclass(frozen=True, slots=True)
class Invocation:
    """One command as somebody called it. `key` is the front end's own id of the call; `at` is when
    it came."""

    text: str
    asker: Person
    place: Place
    key: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CommandContext:
    """What a handler knows of the command that it is given: how it was called, and the user groups
    of whoever called it, which are looked up only when somebody asks for them. `break_glass` is
    their reason to pass a freeze; empty if they gave none. `rollout` is how they want it to go
    through its servers; None if they did not say."""

    invocation: Invocation
    groups: GroupLookup
    break_glass: str = field(default="", kw_only=True)
    rollout: RolloutSettings | None = field(default=None, kw_only=True)
