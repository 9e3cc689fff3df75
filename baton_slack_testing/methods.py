"""The table of Web API methods: who may call each, what it needs, how often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baton_slack_testing.args import Args
from baton_slack_testing.errors import Json
from baton_slack_testing.tokens import Token

if TYPE_CHECKING:
    from baton_slack_testing.server import SlackServer

Run = Callable[["SlackServer", Token, Args], Json]


@dataclass(frozen=True, slots=True)
class Method:
    """One method. `per_minute` is Slack's tier: 20, 50 or 100; None has rules of its own."""

    run: Run
    kinds: tuple[str, ...] = ("bot",)
    scope: str | None = None
    required: tuple[str, ...] = ()
    per_minute: int | None = None


METHODS: dict[str, Method] = {}


def method(
    name: str,
    *required: str,
    kinds: tuple[str, ...] = ("bot",),
    scope: str | None = None,
    per_minute: int | None = None,
) -> Callable[[Run], Run]:
    """Register a function under a method's name."""

    def register(run: Run) -> Run:
        METHODS[name] = Method(run, kinds, scope, required, per_minute)
        return run

    return register
