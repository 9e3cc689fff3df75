"""Visit: somebody who asks about alerts, what they may, and what they mean."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alerts import Engine, Episode
from baton.errors import UsageError
from baton.messages import Person
from baton.outcome import named
from bot.alerting.asks import Wish
from bot.asking import Ask
from bot.front import Reply
from bot.policy import Asked

if TYPE_CHECKING:
    from bot.alerting.keeper import Keeper
    from bot.desk import Desk, Groups


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who asks about alerts. `engine` is how these are now, and must not be changed."""

    desk: Desk
    keeper: Keeper
    engine: Engine
    ask: Ask
    groups: Groups

    @property
    def by(self) -> str:
        """What they are called."""
        return called(self.ask.asker)

    @property
    def now(self) -> float:
        """Steady seconds."""
        return self.keeper.now()

    @property
    def environments(self) -> list[str]:
        """Every one that alerts may be about."""
        settings = self.keeper.settings
        known = [seen.facts.environment for seen in self.desk.roster.servers()]
        known += [one.labels.get("env") for one in self.engine.firing()]
        return known + [table.env for table in (*settings.checkin, *settings.probe)]

    async def refused(self, environments: Sequence[str]) -> Reply | None:
        """Why they may not have it done in each of these environments; None if they may. Either is
        kept."""
        asked = [Asked("alerts", each) for each in sorted(set(environments) - {""})]
        refusal = await self.desk.refusal(asked, self.ask.asker, self.groups)
        if refusal is None:
            await self.desk.audit(self.ask, "allowed")
            return None
        await self.desk.audit(self.ask, refusal.verdict, refusal.text)
        return Reply(refusal.text, ok=False)

    async def wanted(self, wish: Wish, environments: Sequence[str], text: str) -> Reply:
        """Have it done, if they may in each of these environments."""
        refusal = await self.refused(environments)
        if refusal is not None:
            return refusal
        await self.keeper.want(wish)
        return Reply(text)

    async def answered(self, reply: Reply) -> Reply:
        """They were told this. It is kept."""
        await self.desk.audit(self.ask, "answered")
        return reply

    def found(self, words: Sequence[str], what: str) -> list[Episode]:
        """What fires and is named. Raises UsageError."""
        if not words:
            raise UsageError(f"Which alert? /alerts {what} ALERT; /alerts shows their ids.")
        episodes = self.engine.find(words[0])
        if not episodes:
            raise UsageError(f"Nothing that fires is called {words[0]}: /alerts shows what does.")
        return episodes


Action = Callable[[Visit, Sequence[str]], Awaitable[Reply]]
"""What a word after /alerts does, with the words after that."""


def titles(episodes: Sequence[Episode]) -> str:
    """What these are called, a few of them."""
    return named([one.labels.title() for one in episodes], 5)


def called(person: Person) -> str:
    """What `person` is called."""
    return person.name or person.id
