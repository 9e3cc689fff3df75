"""Watches whether servers have live what the last deploy put there: if not, somebody changed it by
hand, or went back past Baton."""

from __future__ import annotations

from collections.abc import Callable

from alerts.observation import Observation
from baton.command import Known
from bot.alerting.observations import drift_sample
from bot.store.jobs.ledger import Ledger
from bot.versions import Drift, drifts

LOOK_INTERVAL = 60.0
"""Seconds between two looks."""


class DriftWatch:
    """Compares what `known` servers tell with what `ledger` has, and has `observe` note each
    difference, and each end of one; `now` is in steady seconds.

    A difference counts from the second look on: a heartbeat may be older than the deploy that it is
    compared with.
    """

    def __init__(
        self,
        known: Known,
        ledger: Ledger,
        observe: Callable[[Observation], None],
        now: Callable[[], float],
    ) -> None:
        self._known = known
        self._ledger = ledger
        self._observe = observe
        self._now = now
        self._seen: set[Drift] = set()
        self._said: dict[tuple[str, str], str] = {}

    async def round(self) -> None:
        """Look once. Nothing is concluded while the bot cannot see. Raises DatabaseUnavailable."""
        servers = self._known.servers()
        if self._known.blind_since is not None or not any(one.facts.releases for one in servers):
            return
        environments = {one.facts.environment for one in servers}
        found = drifts(servers, await self._ledger.live_releases(environments))
        odd = {one for one in found if one.text}
        for one in found:
            known = self._said.get((one.host, one.app))
            # the first look tells what is well too: a bot before this one may have said it was not
            if (one in self._seen and one.text != known) or (not one.text and known != ""):
                self._observe(drift_sample(one, self._now()))
                self._said[one.host, one.app] = one.text
        self._seen = odd
