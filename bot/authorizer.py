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
