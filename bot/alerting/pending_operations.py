"""What people and other bots have stored for the bot that leads: applied, each once."""

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
    """Applies what is stored in `alerts`. Observations among it go to `observe`."""

    def __init__(
        self, alerts: AlertStore, observe: Callable[[Engine, Observation], None], faults: FaultLog
    ) -> None:
        self._alerts = alerts
        self._observe = observe
        self._faults = faults
        self._done: list[int] = []

    @property
    def done(self) -> list[int]:
        """The numbers of those that were applied since the last `forget`. They are over once what
        came of them is written in the same transaction."""
        return self._done

    def forget(self) -> None:
        """What was applied is written, or lost with the engine that it was applied to."""
        self._done = []

    async def apply(self, engine: Engine) -> Changes:
        """Apply each that is new; what is to be written of it besides what the engine will say.
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
                log.warning("what was asked cannot be done", ask=number, reason=str(error))
                self._over(number)
            except Exception as error:  # nothing of one may end the watch over all
                self._faults.add("what was asked cannot be done", error, ask=number)
                self._over(number)
        return changes

    def _over(self, number: int) -> None:
        """It could not even be read, nor will it ever be."""
        if number not in self._done:
            self._done.append(number)

    def _readable(self, operation: RecordObservations) -> list[Observation]:
        """What was observed; of lines that cannot be read the others."""
        seen, problems = operation.readable()
        for problem in problems:
            self._faults.note("a line of what was seen is set aside", problem)
        return seen
