"""Applies the operations that are stored for the bot that leads, each once."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from alerts import Changes, Engine
from alerts.observation import Observation
from baton.errors import UsageError
from bot.alerting.fault_log import FaultLog
from bot.alerting.operations import RecordObservations, apply, parse_operation
from bot.store.alerts.alert_store import AlertStore

log = structlog.get_logger(__name__)


class PendingOperations:
    """Applies what is stored in `alerts`. Observations in it go to `observe`."""

    def __init__(
        self, alerts: AlertStore, observe: Callable[[Engine, Observation], None], faults: FaultLog
    ) -> None:
        self._alerts = alerts
        self._observe = observe
        self._faults = faults
        self._done: list[int] = []

    @property
    def done(self) -> list[int]:
        """The numbers of those that were applied since the last `forget`. They are removed in the
        transaction that writes what came of them."""
        return self._done

    def forget(self) -> None:
        """Forget what was applied: it is written, or lost with its engine."""
        self._done = []

    async def apply(self, engine: Engine) -> Changes:
        """Apply each that is new; return what is to be written beside what the engine will say.
        One that fails costs the others nothing. Raises DatabaseUnavailable."""
        changes = Changes()
        for number, data in await self._alerts.operations():
            if number in self._done:
                continue
            try:
                operation = parse_operation(data)
                if isinstance(operation, RecordObservations) and engine.blind_since is not None:
                    continue  # nothing moves: it waits in the database
                self._done.append(number)
                if isinstance(operation, RecordObservations):
                    for seen in self._readable(operation):
                        self._observe(engine, seen)
                else:
                    changes = changes.merged(apply(engine, operation))
            except (UsageError, ValueError) as error:
                log.warning("operation on alerts not applied", operation=number, reason=str(error))
                self._drop(number)
            except Exception as error:  # a fault of one must not end the round
                self._faults.add("operation on alerts not applied", error, operation=number)
                self._drop(number)
        return changes

    def _drop(self, number: int) -> None:
        """Drop it: it cannot be applied, now or later."""
        if number not in self._done:
            self._done.append(number)

    def _readable(self, operation: RecordObservations) -> list[Observation]:
        """Return the observations of all lines that can be read."""
        seen, problems = operation.readable()
        for problem in problems:
            self._faults.note("unreadable line among stored observations", problem)
        return seen
