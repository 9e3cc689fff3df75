"""Makes alerts of what Baton itself finds wrong.

A finding goes through the database, as what others send does: the bot that finds it need not lead.
It is stored at once, then its latest text every REPEAT_INTERVAL seconds at most: a flood of the
same finding costs one row a minute.
"""

from __future__ import annotations

import asyncio
import contextlib

import structlog
from typing_extensions import override

from alerts import Labels, Sample
from alerts.labels import ALERTNAME, sanitize
from bot.alerting.operations import record_observations
from bot.alerting.runner import AlertRunner
from bot.findings import Finding, Findings
from bot.store.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

REPEAT_INTERVAL = 60.0
"""Seconds between two times that the same finding is stored."""
MAX_FINDINGS = 100
"""Different findings at a time; more are in the log only."""
MAX_TEXT = 500
"""Characters of a text that are stored."""


class FindingAlerts(Findings):
    """Makes alerts of findings, by way of `runner`."""

    def __init__(self, runner: AlertRunner, *, again: float = REPEAT_INTERVAL) -> None:
        self._runner = runner
        self._again = again
        self._latest: dict[str, Sample] = {}
        self._storing: dict[str, asyncio.Task[None]] = {}

    @override
    def found(self, finding: Finding) -> None:
        """Store it as an observation, soon."""
        at = self._runner.now()
        labels = Labels.of(sanitize({**finding.about, ALERTNAME: finding.name}))
        which = labels.fingerprint
        if which not in self._storing and len(self._storing) >= MAX_FINDINGS:
            log.warning("too many findings at a time: this one is no alert", alert=finding.name)
            return
        self._latest[which] = Sample(
            labels,
            True,
            at,
            finding.text[:MAX_TEXT],
            finding.severity,
            source=f"baton/{finding.name}",
            decided=True,
            ends=at + finding.lasts,
        )
        if which not in self._storing:
            task = asyncio.create_task(self._store(which), name=f"finding {finding.name}")
            self._storing[which] = task

    async def close(self) -> None:
        """Store what is not stored yet, if the database is there."""
        for task in self._storing.values():
            task.cancel()
        if self._storing:
            await asyncio.wait(self._storing.values())
        self._storing.clear()
        if self._latest:
            with contextlib.suppress(DatabaseUnavailable):
                await self._runner.submit(
                    record_observations([*self._latest.values()], self._runner.now())
                )
            self._latest.clear()

    async def _store(self, which: str) -> None:
        """Store it for as long as it is found."""
        try:
            while (sample := self._latest.get(which)) is not None:
                try:
                    await self._runner.submit(record_observations([sample], self._runner.now()))
                except DatabaseUnavailable as error:
                    log.warning("a finding waits for the database", error=str(error))
                else:
                    if self._latest.get(which) is sample:
                        del self._latest[which]
                await asyncio.sleep(self._again)
        finally:
            self._storing.pop(which, None)
