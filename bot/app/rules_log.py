"""Logs what is wrong with the rules of baton.toml, once servers are known: each remark once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

import structlog

from baton.bus.facts import Facts
from baton.errors import BatonError
from bot.dispatch.policy import Policy
from bot.dispatch.policy_review import Scene, by_environment, review
from bot.servers.registry import ServerRegistry

log = structlog.get_logger(__name__)

FIRST_INTERVAL = 20.0
"""Seconds after the start within which every running agent has sent a heartbeat."""
LOOK_INTERVAL = 600.0
"""Seconds between two comparisons."""


class RulesLog:
    """Compares `policy` with the known `servers`, the installed `commands`, and the user `groups`
    that the chat knows (`groups` raises BatonError if the chat does not answer)."""

    def __init__(
        self,
        policy: Policy,
        servers: ServerRegistry,
        commands: Collection[str],
        groups: Callable[[], Awaitable[frozenset[str]]],
    ) -> None:
        self._policy = policy
        self._servers = servers
        self._commands = commands
        self._groups = groups
        self._logged: set[str] = set()

    async def round(self) -> float | None:
        """Compare, if servers are known. If none is, return how soon to try again."""
        if not self._servers.servers():
            return FIRST_INTERVAL
        await self.log_new_remarks()
        return None

    async def log_new_remarks(self) -> None:
        """Log the remarks that were not logged before."""
        facts: list[Facts] = [seen.facts for seen in self._servers.servers()]
        groups = None
        if self._policy.with_every_group():
            try:
                groups = await self._groups()
            except BatonError as error:
                log.warning("the user groups in baton.toml could not be checked", reason=str(error))
        for remark in review(self._policy, Scene(self._commands, by_environment(facts), groups)):
            if remark.text in self._logged:
                continue
            self._logged.add(remark.text)
            say = log.warning if remark.wrong else log.info
            say("rules of baton.toml", found=remark.text, fix=remark.fix)
