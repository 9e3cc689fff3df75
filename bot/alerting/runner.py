"""The keeper drives the engine of alerts while this bot leads.

What is seen waits in the order in which it came; each round gives it to the engine, lets time pass,
and writes what the engine has decided in one transaction, before anything of it is shown. So
whoever takes over goes on from there, and nothing is said that is not in the database.
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
"""Seconds between two rounds at least: what comes meanwhile is decided together."""
LOOK_INTERVAL = 0.5
"""Seconds between two looks at our own links: a round comes after that at the latest."""
STALL_TIMEOUT = 5.0
"""Seconds for which a round may be late. After that we stood still, and heard nothing."""
RETRY_DELAY = 0.5
"""Seconds after which a round that the database failed is tried again."""
MAX_PONG_AGE = 60.0
"""Seconds after which an answer says no more that its server is alive: it waited on the bus."""
MAX_WAITING = 100_000
"""Observations that wait at most, while the database is away at the start: the oldest go."""

STARTING, STALLED, DATABASE = "the bot, which starts", "the bot, which stood still", "the database"


class AlertRunner:
    """Keeps `settings`. `eyes` are our links by name, each with whether we see by it; `lease` names
    the lease that this bot leads by, and its holder; `wake` has a round come soon.
    `on_news` is called with each post that is wanted, or has something new under it, once that is
    in the database; `reloaded` when the settings are others; `unpostable` finds the channels, of
    those it is given, in which nothing can be posted, and why."""

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
        """What decides, while this bot keeps watch."""
        self.unpostable = unpostable
        self.rounds = 0
        """How often it has decided."""
        self._faults = FaultLog(self._steady.now)
        self.recorder = Recorder(lambda: self.settings.recording, clock)
        """Keeps what the engine is told, if that is wanted."""
        self._links = LinkWatch(eyes, self.recorder, self._faults)
        self._operations = PendingOperations(alerts, self._observe, self._faults)
        self._unwritten = Changes()
        self._seen: deque[Observation] = deque(maxlen=MAX_WAITING)
        self._wake = wake
        self._reloaded = reloaded
        self._due = 0.0

    @property
    def faults(self) -> int:
        """How often something failed that concerns one thing, while all others went on."""
        return self._faults.count

    def begin(self) -> None:
        """This bot leads: the next round reads from the database how it stands."""
        self._unwritten = Changes()
        self._operations.forget()

    def end(self) -> None:
        """Another bot leads."""
        self.engine = None

    async def round(self) -> float:
        """Decide and write what there is; the seconds until something is due by itself, and
        infinity once another bot leads. Raises DatabaseUnavailable."""
        if self.engine is None:
            self.engine = await self._restored()
            self._due = self._steady.now()
        engine, at = self.engine, self._steady.now()
        if at > self._due + STALL_TIMEOUT:
            log.warning("the bot stood still", seconds=round(at - self._due, 1))
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
        """A server has sent a heartbeat."""
        self.observe(heartbeat_seen(message, self._steady.now()))

    def observe_pong(self, message: Pong) -> None:
        """A server has answered a ping."""
        age = (self._clock() - message.time).total_seconds()
        if age < MAX_PONG_AGE:
            self.observe(liveness_seen(message, self._steady.now()))

    async def observe_job(self, job: Job, runs: Sequence[RunRecord]) -> None:
        """A job that changes servers has ended. Once this returns it is not forgotten, whichever
        bot dies. Raises DatabaseUnavailable."""
        now = self._steady.now()
        ago = (self._clock() - job.closed).total_seconds() if job.closed else 0.0
        if found := job_samples(job, runs, now - max(ago, 0.0)):
            await self.submit(operations.record_observations(found, now))

    def schedule_operation(self, seen: Sequence[ScheduleResult], environment: str) -> object:
        """A schedule that only looks has come to something: the ask to take note of it."""
        at = self._steady.now()
        ask = operations.record_observations(
            [schedule_sample(one, environment, at) for one in seen], at
        )
        return ask.model_dump(mode="json")

    def reload(self, settings: AlertSettings) -> None:
        """Go by other settings from now on; nothing that fires is forgotten for it."""
        self.settings = settings
        if self.engine is not None:
            self.engine.reload(settings, self._steady.now())
        self._wake()
        self._reloaded()
        log.info("alerts go by other settings", channels=settings.channels)

    def now(self) -> float:
        """Steady seconds, as everything here goes by."""
        return self._steady.now()

    async def view(self) -> Engine:
        """How it stands, to be looked at only: in a bot that does not lead, as the database has it.

        Raises DatabaseUnavailable.
        """
        if self.engine is not None:
            return self.engine
        rows = await self._alerts.load()
        return Engine.restore(self.settings, rows, self.now(), self._steady.skew())

    async def submit(self, ask: StoredOperation) -> None:
        """Have it done by the bot that leads, soon. Raises DatabaseUnavailable."""
        await self._alerts.add_operation(ask.model_dump(mode="json"))
        self._wake()

    def observe(self, seen: Observation) -> None:
        """Something was seen."""
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
        log.info("alerts are watched", watched=len(rows.checks), firing=len(rows.episodes))
        return engine

    async def _round(self, engine: Engine, at: float) -> bool:
        """Whether this bot still leads."""
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
        """The engine is told. A fault over one of them must neither end the watch over all nor
        lose what came with it."""
        try:
            engine.observe(seen)
        except UsageError as error:
            log.warning("what was seen is not known", reason=str(error))
        except Exception as error:
            self._faults.add("what was seen cannot be taken", error, seen=repr(seen)[:500])
        else:
            self.recorder.add(seen)

    def _decided(self, engine: Engine, at: float) -> Changes:
        """What the engine wants. What fails of one thing in it is logged, and so is the whole."""
        changes = Changes()
        try:
            changes = engine.tick(at, self._steady.skew())
        except Exception as error:
            self._faults.add("alerts cannot be decided", error)
        for fault in engine.faults.take():
            self._faults.add("a part of what is watched failed", fault.error, part=fault.what)
        return changes
