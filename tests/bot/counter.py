"""A dispatcher that knows servers, and people who ask it."""

from __future__ import annotations

from collections.abc import Sequence

from baton.bus.channel import Channel
from baton.bus.messages import Person, now
from baton.extensions import Commands
from bot.dispatch.console_address import ConsoleAddress
from bot.dispatch.gates.tables import GateTable
from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from bot.dispatch.protocol import GroupLookup
from bot.dispatch.rate_limiter import PersonRateLimiter
from bot.dispatch.reply import Reply
from bot.fronts.errors import FrontError
from bot.jobs import AuditEntry, Place
from bot.store import PostRow, Store
from tests.bot.build import ANN, OPS
from tests.bot.world import COMMANDS, a_dispatch, beat, no_groups
from tests.support.policy import OPEN
from tests.support.servers import make_registry

BEN = Person(id="U_BEN", name="ben")
GUEST = Person(id="U_GUEST", name="gus", standing="guest")
SECRET = Place("slack", "C_SECRET", name="privategroup")
SHUT = Policy(
    environments={
        "prod": EnvironmentTable(protected=True, ask="#ops"),
        "staging": EnvironmentTable(open=True),
    }
)
STAGING = {"staging": EnvironmentTable(open=True)}
ONLY_ANN = Policy([Rule(who=("U_ANN",), environments=("prod",))], STAGING)
GUARDED = Policy(
    [
        Rule(who=("U_ANN",), commands=("ship", "hail", "servers")),
        Rule(who=("@readers",), commands=("log", "jobs", "audit", "servers", "alerts")),
    ],
    {"prod": EnvironmentTable(protected=True, ask="#ops"), "staging": EnvironmentTable(open=True)},
)


async def readers() -> frozenset[str]:
    """The groups of somebody who may read."""
    return frozenset({"readers"})


async def broken() -> frozenset[str]:
    """Groups that cannot be looked up."""
    raise FrontError(front="Slack", reason="no route")


def table(reply: Reply) -> tuple[str, list[tuple[str, ...]]]:
    """The summary and the rows of what was answered."""
    assert reply.answer is not None, reply
    return reply.answer.summary, list(reply.answer.rows)


class Counter:
    """A dispatcher with servers in prod and staging, and who was woken."""

    def __init__(
        self,
        store: Store,
        policy: Policy | None = None,
        *,
        pace: PersonRateLimiter | None = None,
        commands: Commands = COMMANDS,
        console: ConsoleAddress | None = None,
        channel: Channel | None = None,
        gates: Sequence[GateTable] = (),
    ) -> None:
        self.store = store
        self.woken: list[str] = []
        servers = self.servers = make_registry()
        for host, environment in (("web-1", "prod"), ("web-2", "prod"), ("web-9", "staging")):
            servers.record(beat(host, environment))
        made = a_dispatch(
            store,
            servers,
            policy or OPEN,
            commands,
            job_changed=self.woken.append,
            pace=pace,
            console=console,
            channel=channel,
            gates=gates,
        )
        self.dispatcher, self.handlers = made.dispatcher, made.handlers
        self.authorizer, self.audit_log = made.authorizer, made.audit
        self.keys = 0

    async def ask(
        self,
        text: str,
        asker: Person = ANN,
        *,
        key: str = "",
        groups: GroupLookup = no_groups,
        place: Place = OPS,
    ) -> Reply:
        self.keys += 1
        return await self.dispatcher.ask(
            text, asker=asker, groups=groups, place=place, key=key or f"key-{self.keys}"
        )

    async def shown(self, job: str, ref: str, thread: str = "") -> None:
        """The post of `job` is the message `ref`."""
        row = PostRow(job, job, "slack", OPS.channel, now(), thread=thread)
        await self.store.posts.claim(row)
        await self.store.posts.mark_shown(job, ref, "digest", now())

    async def audit(self) -> AuditEntry:
        """The last ask that was kept."""
        entries = await self.store.audit.recent(1)
        return entries[0]
