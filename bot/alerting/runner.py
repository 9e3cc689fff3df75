"""The alert runner drives the engine of alerts while this bot leads.

Observations wait in the order in which they came. Each round gives them to the engine, lets time
pass, and writes what the engine has decided in one transaction, before any of it is posted. So the
next leader continues from there, and nothing is posted that is not in the database.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import structlog

from alerts import AlertSettings, Changes, Engine, SteadyClock
from alerts.observation import Observation
from alerts.replay import Gap
from baton.bus.messages import Heartbeat, Pong, now
from baton.errors import UsageError
from bot.alerting import operations
from bot.alerting.fault_log import FaultLog
from bot.alerting.link_watch import LinkWatch
from bot.alerting.observations import heartbeat_seen, job_samples, liveness_seen, schedule_sample
from bot.alerting.operations import StoredOperation
from bot.alerting.pending_operations import PendingOperations
from bot.alerting.recorder import Recorder
from bot.jobs import Job, RunRecord
from bot.schedules.schedule import ScheduleResult
from bot.store.alerts.alert_store import AlertStore
from bot.store.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

ROUND_INTERVAL = 0.1
"""Seconds between two rounds, at least: what comes meanwhile is decided together."""
LOOK_INTERVAL = 0.5
"""Seconds between two checks of our own links: a round comes after that at the latest."""
STALL_TIMEOUT = 5.0
"""Seconds for which a round may be late. Beyond, the process was suspended and received nothing."""
RETRY_DELAY = 0.5
"""Seconds until a round is tried again that failed for the database."""
MAX_PONG_AGE = 60.0
"""Seconds after which a pong proves no more that its server is alive: it waited on the bus."""
MAX_WAITING = 100_000
"""Observations that wait at most while the database is away at the start; the oldest are
dropped."""

STARTING, STALLED, DATABASE = "the bot, which starts", "the bot, which stood still", "the database"


class AlertRunner:
    """Runs the engine by `settings`. `eyes` are our own links by name, each with whether it is up;
    `lease` is the lease that this bot leads by, and its holder; `wake` has a round come soon.
    `on_news` is called with the key of each post that has something new, once that is in the
    database; `reloaded` when the settings have changed; `unpostable` returns the channels, of those
    it is given, in which the bot cannot post, each with the reason."""

    def __init__(
        self,
        settings: AlertSettings,
        alerts: AlertStore,
        on_news: Callable[[str], None],
        lease: tuple[str, str],
        eyes: Mapping[str, Callable[[], bool]],
        *,
        wake: Callable[[], None],
        reloaded: Callable[[], None],
        unpostable: Callable[[Sequence[str]], Mapping[str, str]],
        steady: SteadyClock | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self.settings = settings
        self._alerts = alerts
        self._on_news = on_news
        self._lease = lease
        self._steady = steady or SteadyClock()
        self._clock = clock
        self.engine: Engine | None = None
        """What decides; None while another bot leads."""
        self.unpostable = unpostable
        self.rounds = 0
        """How many rounds there were."""
        self._faults = FaultLog(self._steady.now)
        self.recorder = Recorder(lambda: self.settings.recording, clock)
        """Records what the engine is told, if the settings say so."""
        self._links = LinkWatch(eyes, self.recorder, self._faults)
        self._operations = PendingOperations(alerts, self._observe, self._faults)
        self._unwritten = Changes()
        self._seen: deque[Observation] = deque(maxlen=MAX_WAITING)
        self._wake = wake
        self._reloaded = reloaded
        self._due = 0.0

    @property
    def faults(self) -> int:
        """How often something failed for one thing while all others continued."""
        return self._faults.count

    def begin(self) -> None:
        """Start to lead: the next round reads the state from the database."""
        self._unwritten = Changes()
        self._operations.forget()

    def end(self) -> None:
        """Stop: another bot leads."""
        self.engine = None

    async def round(self) -> float:
        """Decide, and write what was decided. Return the seconds until something is due by itself;
        infinity once another bot leads. Raises DatabaseUnavailable."""
        if self.engine is None:
            self.engine = await self._restored()
            self._due = self._steady.now()
        engine, at = self.engine, self._steady.now()
        if at > self._due + STALL_TIMEOUT:
            log.warning("the bot was suspended", seconds=round(at - self._due, 1))
            engine.link_lost(STALLED, self._due)
            engine.link_restored(STALLED, at)
            self.recorder.add(Gap(at))
        self._due = at + ROUND_INTERVAL + LOOK_INTERVAL
        if not await self._round(engine, at):
            self.engine = None
            return math.inf
        pause = min(engine.wake_at() - self._steady.now(), LOOK_INTERVAL)
        self._due = at + max(pause, ROUND_INTERVAL)
        return pause

    def observe_heartbeat(self, message: Heartbeat) -> None:
        """Note that a server has sent a heartbeat."""
        self.observe(heartbeat_seen(message, self._steady.now()))

    def observe_pong(self, message: Pong) -> None:
        """Note that a server has answered a ping."""
        age = (self._clock() - message.time).total_seconds()
        if age < MAX_PONG_AGE:
            self.observe(liveness_seen(message, self._steady.now()))

    async def observe_job(self, job: Job, runs: Sequence[RunRecord]) -> None:
        """Note how a job that changes servers has ended. Once this returns, no crash of a bot loses
        it. Raises DatabaseUnavailable."""
        now = self._steady.now()
        ago = (self._clock() - job.closed).total_seconds() if job.closed else 0.0
        if found := job_samples(job, runs, now - max(ago, 0.0)):
            await self.submit(operations.record_observations(found, now))

    def schedule_operation(self, seen: Sequence[ScheduleResult], environment: str) -> object:
        """Return the operation that records the results of a schedule that only reads, as it is
        stored."""
        at = self._steady.now()
        ask = operations.record_observations(
            [schedule_sample(one, environment, at) for one in seen], at
        )
        return ask.model_dump(mode="json")

    def reload(self, settings: AlertSettings) -> None:
        """Use other settings from now on. What fires keeps firing."""
        self.settings = settings
        if self.engine is not None:
            self.engine.reload(settings, self._steady.now())
        self._wake()
        self._reloaded()
        log.info("alerts reloaded", channels=settings.channels)

    def now(self) -> float:
        """Return the time of now, in steady seconds."""
        return self._steady.now()

    async def view(self) -> Engine:
        """Return the engine, to be read only. A bot that does not lead reads it from the database.

        Raises DatabaseUnavailable.
        """
        if self.engine is not None:
            return self.engine
        rows = await self._alerts.load()
        return Engine.restore(self.settings, rows, self.now(), self._steady.skew())

    async def submit(self, ask: StoredOperation) -> None:
        """Store an operation for the bot that leads, which applies it soon. Raises
        DatabaseUnavailable."""
        await self._alerts.add_operation(ask.model_dump(mode="json"))
        self._wake()

    def observe(self, seen: Observation) -> None:
        """Note an observation."""
        self._seen.append(seen)
        self._wake()

    async def _restored(self) -> Engine:
        rows = await self._alerts.load()
        at = self._steady.now()
        engine = Engine.restore(self.settings, rows, at, self._steady.skew())
        self._links.forget()
        engine.link_lost(STARTING, at)
        self._links.check(engine, at)
        engine.link_restored(STARTING, at)
        self.recorder.add(Gap(at))
        log.info("alert engine started", watched=len(rows.checks), firing=len(rows.episodes))
        return engine

    async def _round(self, engine: Engine, at: float) -> bool:
        """Return whether this bot still leads."""
        self._links.check(engine, at)
        while self._seen:
            self._observe(engine, self._seen.popleft())
        try:
            self._unwritten = self._unwritten.merged(await self._operations.apply(engine))
            changes = self._unwritten = self._unwritten.merged(self._decided(engine, at))
            done = self._operations.done
            if changes or done:
                if not await self._alerts.write(changes, self._lease, self._clock(), done):
                    log.warning("another bot leads: alerts are not written")
                    return False
                self._unwritten = Changes()
                self._operations.forget()
                for one in changes.notifications.values():
                    self._on_news(one.parent or one.key)
        except DatabaseUnavailable:
            self._links.report(engine, DATABASE, False, at)
            raise
        finally:
            self.rounds += 1
        self._links.report(engine, DATABASE, True, self._steady.now())
        return True

    def _observe(self, engine: Engine, seen: Observation) -> None:
        """Give it to the engine. A fault of one observation neither ends the round nor loses the
        others."""
        try:
            engine.observe(seen)
        except UsageError as error:
            log.warning("observation ignored", reason=str(error))
        except Exception as error:
            self._faults.add("observation failed", error, seen=repr(seen)[:500])
        else:
            self.recorder.add(seen)

    def _decided(self, engine: Engine, at: float) -> Changes:
        """Return what the engine decides. A fault of one thing is logged, and one of the whole
        too."""
        changes = Changes()
        try:
            changes = engine.tick(at, self._steady.skew())
        except Exception as error:
            self._faults.add("alert decision failed", error)
        for fault in engine.faults.take():
            self._faults.add("a part of the alert engine failed", fault.error, part=fault.what)
        return changes
