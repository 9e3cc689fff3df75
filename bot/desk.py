"""The desk: where asks arrive, from every front end. Step 1 of the path (asking).

words -> command -> may they? -> job in the ledger. What is written here is sent and shown by
others, even if this bot dies the moment after.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from baton.command import Command, Reach
from baton.errors import BatonError, UsageError
from baton.extensions import Commands
from baton.messages import Person, now
from bot.asking import Ask, plan
from bot.front import Reply
from bot.house import HouseCommand, help_text
from bot.jobs import AuditEntry, Job, Place
from bot.policy import Policy
from bot.roster import Roster
from bot.store import Store
from bot.store.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

Groups = Callable[[], Awaitable[frozenset[str]]]
"""The groups of the one who asks, looked up only when a rule needs them."""


class Desk:
    """Takes asks. `wake` is called with the id of a job that has news."""

    def __init__(
        self,
        store: Store,
        commands: Commands,
        policy: Policy,
        roster: Roster,
        *,
        wake: Callable[[str], None],
        source: str = "bot",
        clock: Callable[[], datetime] = now,
    ) -> None:
        self.store = store
        self.commands = commands
        self.roster = roster
        self._policy = policy
        self._wake = wake
        self._source = source
        self._clock = clock

    async def ask(
        self, text: str, *, asker: Person, groups: Groups, place: Place, key: str
    ) -> Reply:
        """What `asker` is told at once about `text`; a job that it begins is shown in `place`.

        The same `key` twice is the same ask: it begins nothing new. Never raises for what people
        typed or for a database that is away: the reply says what is wrong and what became of the
        ask.
        """
        ask = Ask(text, asker, place, key, self._clock())
        try:
            command = self.commands.parse(text)
            return await self._decided(command, ask, groups)
        except UsageError as error:
            return Reply(str(error), ok=False)
        except DatabaseUnavailable as error:
            log.error("ask not kept", error=str(error))
            return Reply(f"Nothing was done: {error}", ok=False)

    async def cancel(self, job: str, *, asker: Person, groups: Groups, place: Place) -> Reply:
        """Cancel `job`: whoever might have asked for it may cancel it."""
        return await self.ask(
            f"cancel {job}", asker=asker, groups=groups, place=place, key=f"cancel/{job}"
        )

    async def cancel_in_thread(self, place: Place, *, asker: Person, groups: Groups) -> Reply:
        """Cancel the job that is shown in the thread of `place`."""
        try:
            job = await self.store.ledger.in_thread(place.front, place.channel, place.thread)
        except DatabaseUnavailable as error:
            return Reply(f"Nothing was done: {error}", ok=False)
        if job is None:
            return Reply("No job of mine is shown in this thread.", ok=False)
        return await self.cancel(job.id, asker=asker, groups=groups, place=place)

    def help(self) -> str:
        """What can be asked, in a line each."""
        return help_text(self.commands)

    async def _decided(self, command: Command, ask: Ask, groups: Groups) -> Reply:
        if isinstance(command, HouseCommand):
            return await command.serve(self, ask, groups)
        if command.reach is Reach.HERE:
            answer = command.answer(self.roster)
            await self.audit(ask, "answered")
            return Reply(answer=answer)
        refusal = await self.refusal(command, ask.asker, groups)
        if refusal is not None:
            await self.audit(ask, "refused", refusal)
            return Reply(refusal, ok=False)
        new = plan(command, ask, self.roster.servers(), self._source)
        entry = AuditEntry(ask.at, ask.asker, ask.place, ask.text, "allowed", job=new.job.id)
        job = await self.store.ledger.ask(new, entry)
        self._wake(job.id)
        return Reply(job=job.id)

    async def refusal(self, command: Command, asker: Person, groups: Groups) -> str | None:
        """Why `asker` may not ask `command`; None if they may."""
        known: frozenset[str] = frozenset()
        refusal = self._policy.refusal(command, asker.id, known)
        if refusal is None or not self._policy.needs_groups():
            return refusal
        try:
            known = await groups()
        except BatonError as error:
            return f"{refusal} (Your user groups could not be looked up: {error})"
        return self._policy.refusal(command, asker.id, known)

    async def audit(self, ask: Ask, verdict: str, reason: str = "", job: str = "") -> None:
        """Keep `ask` for those who look later."""
        await self.store.audit.write(
            AuditEntry(ask.at, ask.asker, ask.place, ask.text, verdict, reason, job)
        )

    async def stop_job(self, job: Job, ask: Ask) -> Reply:
        """Ask the servers to stop `job`, and close what was not sent yet."""
        runs = await self.store.ledger.cancel(job.id, ask.asker, ask.at)
        await self.audit(ask, "allowed", job=job.id)
        self._wake(job.id)
        still = sum(not run.state.final for run in runs or ())
        if not still:
            return Reply(f"{job.title} had ended, or had not begun: nothing runs.", job=job.id)
        return Reply(f"Asked {still} servers to stop {job.title}.", job=job.id)
