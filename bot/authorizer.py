"""The authorizer: asks the policy, and looks up the groups of somebody only where they decide."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from baton.errors import BatonError
from baton.messages import Person
from bot.jobs import Place
from bot.policy import Asked, Kept, Policy, Refusal

Groups = Callable[[], Awaitable[frozenset[str]]]
"""The groups of the one who asks, by id and by handle. Raises BatonError if it cannot be known."""

Judge = Callable[[frozenset[str]], Refusal | None]


class Authorizer:
    """Says who may what, by `policy`."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    async def refusal(
        self, asked: Sequence[Asked], person: Person, groups: Groups
    ) -> Refusal | None:
        """Why `person` may not ask `asked`; None if they may."""
        return await self._judged(lambda known: self.policy.refusal(asked, person, known), groups)

    async def hidden(
        self, kept: Kept, by: str, reader: Person, here: Place, groups: Groups
    ) -> Refusal | None:
        """Why `reader`, who asks `here` by the command `by`, may not read `kept`; None if they
        may."""
        return await self._judged(
            lambda known: self.policy.hidden(kept, by, reader, here, known), groups
        )

    async def _judged(self, judge: Judge, groups: Groups) -> Refusal | None:
        refusal = judge(frozenset())
        if refusal is None or judge(self.policy.with_every_group()) is not None:
            return refusal  # no group would change it
        try:
            known = await groups()
        except BatonError as error:
            return Refusal(
                "It cannot be known now whether you are allowed to do this: your user groups could "
                f"not be looked up. Nothing was done. Try again in a minute. Reason: {error}",
                "undecided",
            )
        return judge(known)


class Reader:
    """Somebody who is shown several things by one command: tells which, and counts the others."""

    def __init__(
        self, rights: Authorizer, by: str, reader: Person, here: Place, groups: Groups
    ) -> None:
        self._rights = rights
        self._by = by
        self._reader = reader
        self._here = here
        self._groups = once(groups)
        self.left_out = 0
        self._undecided = False

    async def reads(self, kept: Kept) -> bool:
        """Whether they may read `kept`."""
        hidden = await self._rights.hidden(kept, self._by, self._reader, self._here, self._groups)
        if hidden is not None:
            self.left_out += 1
            self._undecided |= hidden.verdict == "undecided"
        return hidden is None

    async def looks(self, environment: str) -> bool:
        """Whether they may look at `environment`."""
        asked = [Asked(self._by, environment, changes=False)]
        refusal = await self._rights.refusal(asked, self._reader, self._groups)
        self._undecided |= refusal is not None and refusal.verdict == "undecided"
        return refusal is None

    def left(self, what: str, count: int | None = None) -> str:
        """`; 3 jobs left out: you may not read them`, or nothing."""
        count = self.left_out if count is None else count
        if not count:
            return ""
        why = "you are not allowed to read them" if count > 1 else "you are not allowed to read it"
        if self._undecided:
            why = "your user groups could not be looked up, try again in a minute"
        return f"; {count} {what}{'s' * (count > 1)} left out: {why}"


def once(groups: Groups) -> Groups:
    """`groups`, looked up at most once, however often it is asked for."""
    found: list[frozenset[str] | BatonError] = []

    async def look_up() -> frozenset[str]:
        if not found:
            try:
                found.append(await groups())
            except BatonError as error:
                found.append(error)
        if isinstance(found[0], BatonError):
            raise found[0]
        return found[0]

    return look_up
