"""What Baton itself finds wrong, on its way to the engine of alerts.

It goes through the database, as what others tell does, for the bot that finds it need not lead. The
first time at once, then the latest words once every AGAIN seconds at most: a flood of the same
costs a row a minute.
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
"""Seconds between two times that the same finding is written down."""
MAX_FINDINGS = 100
"""Different findings that are under way at a time: more are in the log only."""
MAX_TEXT = 500
"""Characters of a text that are shown."""


class FindingAlerts(Findings):
    """Makes alerts of findings, by way of `runner`."""

    def __init__(self, runner: AlertRunner, *, again: float = REPEAT_INTERVAL) -> None:
        self._runner = runner
        self._again = again
        self._latest: dict[str, Sample] = {}
        self._telling: dict[str, asyncio.Task[None]] = {}

    @override
    def found(self, finding: Finding) -> None:
        """Store it as an observation, soon."""
        at = self._runner.now()
        labels = Labels.of(sanitize({**finding.about, ALERTNAME: finding.name}))
        which = labels.fingerprint
        if which not in self._telling and len(self._telling) >= MAX_FINDINGS:
            log.warning("a finding is in no alert: there are too many", alert=finding.name)
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
        if which not in self._telling:
            task = asyncio.create_task(self._tell(which), name=f"finding {finding.name}")
            self._telling[which] = task

    async def close(self) -> None:
        """Write down what is not written yet, if the database takes it."""
        for task in self._telling.values():
            task.cancel()
        if self._telling:
            await asyncio.wait(self._telling.values())
        self._telling.clear()
        if self._latest:
            with contextlib.suppress(DatabaseUnavailable):
                await self._runner.submit(
                    record_observations([*self._latest.values()], self._runner.now())
                )
            self._latest.clear()

    async def _tell(self, which: str) -> None:
        """Write it down as long as it is found."""
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
            self._telling.pop(which, None)
