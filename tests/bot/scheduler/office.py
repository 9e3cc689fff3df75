"""A dispatcher and a scheduler whose clock is set by hand: schedules are fired round by round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from baton.bus.messages import Person, Pong, Standing
from baton.extensions import Commands
from bot.dispatch.gates.freezing.in_force import FreezesInForce
from bot.dispatch.gates.tables import GateTable
from bot.dispatch.people import Profile
from bot.dispatch.policy import Policy
from bot.dispatch.reply import Reply
from bot.jobs import Place
from bot.scheduler.scheduler import ResultHook
from bot.schedules.schedule import Firing, ResultHandling, Schedule, ScheduleResult
from bot.store import Store
from bot.store.database.database_clock import DatabaseClock
from tests.bot.build import ANN, OPS
from tests.bot.world import COMMANDS, a_dispatch, beat, facts, no_groups
from tests.support.policy import OPEN
from tests.support.servers import make_registry

T0 = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
HOSTS = ("web-1", "web-2")


class Clock:
    """The time, as it is told."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> datetime:
        return self.now

    def goes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class People:
    """Who is in the chat. Keeps bot.dispatch.people.Directory."""

    def __init__(self) -> None:
        self.groups: dict[str, frozenset[str]] = {}
        self.gone: set[str] = set()
        self.zone = "Europe/Kyiv"
        self.standing: Standing = "member"

    async def groups_of(self, user: str) -> frozenset[str]:
        return self.groups.get(user, frozenset())

    async def profile(self, user: str) -> Profile:
        return Profile(self.zone, user in self.gone, standing=self.standing)


class Office:
    """The dispatcher and the scheduler of a bot over `store`, without the rest of the bot."""

    def __init__(
        self,
        store: Store,
        policy: Policy | None = None,
        clock: Clock | None = None,
        commands: Commands = COMMANDS,
        gates: Sequence[GateTable] = (),
    ) -> None:
        self.clock = clock or Clock()
        self.store = store
        self.people = People()
        self.seen: list[ScheduleResult] = []
        self.on_result: ResultHook = self._note
        """What becomes of how firings went."""
        self.woken: list[str] = []
        self.freezes = FreezesInForce()
        self.audit_channel: Place | None = None
        self._asks = 0
        store.schedules._clock = DatabaseClock(store.schedules._database, self.clock)
        servers = make_registry(self.clock)
        for host in HOSTS:
            servers.record(beat(host))
        self._policy, self._servers = policy or OPEN, servers
        self._commands, self._gates = commands, gates
        self.restarts()

    def restarts(self, commands: Commands | None = None) -> None:
        """It is another bot from now on, maybe of other commands, over the same store."""
        self._commands = commands or self._commands
        made = a_dispatch(
            self.store,
            self._servers,
            self._policy,
            self._commands,
            job_changed=self.woken.append,
            on_result=lambda results: self.on_result(results),
            clock=self.clock,
            freezes=self.freezes,
            audit_channel=self.audit_channel,
            gates=self._gates,
        )
        made.people.add("slack", self.people)
        self.dispatcher, self.scheduler, self.authorizer = (
            made.dispatcher,
            made.scheduler,
            made.authorizer,
        )

    def _note(self, seen: Sequence[ScheduleResult]) -> ResultHandling:
        self.seen += seen
        return ResultHandling()

    async def ask(self, text: str, asker: Person = ANN, place: Place = OPS) -> Reply:
        self._asks += 1
        key = f"ask/{id(self)}/{self._asks}"
        return await self.dispatcher.ask(text, asker=asker, groups=no_groups, place=place, key=key)

    async def scheduled(self, words: str) -> Schedule:
        """The schedule that ann makes with `words`."""
        reply = await self.ask(f"schedule {words}")
        assert reply.ok, reply.text
        found = await self.store.schedules.find(reply.text.split()[1].rstrip(":"))
        assert found is not None
        return found

    async def now(self, schedule: Schedule) -> Schedule:
        """`schedule` as it is now, removed or not."""
        found = await self.store.schedules.get(schedule.id)
        assert found is not None
        return found

    async def history(self, schedule: Schedule) -> list[Firing]:
        """Its firings, oldest first."""
        return (await self.store.schedules.history(schedule.id, 10_000))[::-1]

    async def answer(self, firing: Firing, *hosts: str) -> None:
        """These servers (all, if none is named) answer the ping of `firing`."""
        found = await self.store.ledger.job(firing.job)
        request = found[1][0].request if found else "r"
        pongs = [
            Pong(job=firing.job, request=request, facts=facts(host)) for host in hosts or HOSTS
        ]
        await self.store.ledger.apply_updates(pongs, self.clock())

    async def sends(self) -> None:
        """What waits in the outbox is sent."""
        rows, at = await self.store.ledger.outbox(), self.clock()
        await self.store.ledger.settle({row.id: row.accept_by(at) for row in rows}, at=at)

    async def passes(
        self, seconds: float, every: float = 1.0, answers: bool = True, sends: bool = True
    ) -> None:
        """Time goes by, round by round; what is asked is sent, the servers answer at once."""
        for _ in range(round(seconds / every)):
            self.clock.goes(every)
            await self.scheduler.round()
            if sends:
                await self.sends()
            if answers:
                await self.answer_all()
                await self.scheduler.round()

    async def answer_all(self) -> None:
        for schedule in await self.store.schedules.in_channel("slack"):
            for firing in await self.store.schedules.history(schedule.id, 3):
                if firing.job and firing.ended is None:
                    await self.answer(firing)


Make = Callable[..., Office]
