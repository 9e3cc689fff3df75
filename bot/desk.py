"""The desk: where asks arrive, from every front end. Step 1 of the path (asking).

words -> command -> may they? -> job in the ledger. What is written here is sent and shown by
others, even if this bot dies the moment after.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from baton.command import Command, Reach
from baton.errors import UsageError
from baton.extensions import Commands
from baton.messages import Person, now
from baton.text.words import without_stop
from bot.asking import Ask, plan
from bot.authorizer import Authorizer, Groups, Reader, once
from bot.dispatch.reply import Reply
from bot.house import HouseCommand, help_text
from bot.jobs import AuditEntry, Cancelled, Job, NewJob, Place
from bot.names import LOOK_BACK, Names
from bot.people import Directory
from bot.policy import Asked, Kept, Policy, Refusal, asked_by
from bot.rate import Pace
from bot.right_of_way import RightOfWay
from bot.servers.inventory import SomeServers, chosen
from bot.servers.registry import Roster
from bot.store import Store
from bot.store.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from bot.alerting import Keeper
    from bot.alerting.reloading import Reloading

log = structlog.get_logger(__name__)

__all__ = ["Desk", "Groups"]

MOST_TYPED = 8_000
"""Characters of a request, at most."""
MOST_WORDS = 1_000
"""Characters of a request that are kept for the audit."""
MOST_REASON = 1_000


class Desk:
    """Takes asks. `wake` is called with the id of a job that has news; `pace` is how often each
    person may ask, if that is limited."""

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
        pace: Pace | None = None,
    ) -> None:
        self.store = store
        self.commands = commands
        self.roster = roster
        self.rights = Authorizer(policy)
        """Who may ask and read what."""
        self.pace = pace
        self._wake = wake
        self._source = source
        self._clock = clock
        self.way = RightOfWay()
        self.people: dict[str, Directory] = {}
        """Who knows the people of each front end, by its name."""
        self.rescheduled: Callable[[], None] = lambda: None
        """Called when schedules have changed."""
        self.forgotten: Callable[[str, datetime], None] = lambda host, at: None
        """Called when people have forgotten a server, with the moment."""
        self.keeper: Keeper | None = None
        """Who keeps alerts, if anybody does."""
        self.reloading: Reloading | None = None
        """Who reads the settings of alerts again, if they are from a file."""
        self.asked: Counter[str] = Counter()
        """How many asks came here, by verdict."""
        self._names = Names()
        self._looked_back = False

    async def ask(
        self, text: str, *, asker: Person, groups: Groups, place: Place, key: str
    ) -> Reply:
        """What `asker` is told at once about `text`; a job that it begins is shown in `place`.

        The same `key` twice is the same ask: it begins nothing new. Never raises for what people
        typed or for a database that is away: the reply says what is wrong and what became of the
        ask.
        """
        with self.way.taken():
            asker, place = await self._named(asker, place)
            ask = Ask(_storable(text), asker, place, key, self._clock())
            try:
                return await self._let_in(ask) or await self._understood(ask, once(groups))
            except UsageError as error:
                await self.noted(ask, "unusable", error.problem)
                return Reply(f"{error}{self._blindness(error)}", ok=False)
            except DatabaseUnavailable as error:
                return self._not_done(error)

    async def _let_in(self, ask: Ask) -> Reply | None:
        """What whoever may ask nothing, or nothing now, is told; None to go on. Raises
        UsageError."""
        if self.pace is not None:
            for first, count in self.pace.over():
                await self.noted(first, "limited", f"{count} requests were refused: too many")
            held = self.pace.take(ask)
            if held is not None:
                text = held.text(self.pace.limits)
                if held.first:
                    await self.noted(ask, "limited", text)
                else:
                    self.asked["limited"] += 1
                return Reply(text, ok=False)
        stranger = self.rights.policy.stranger(ask.asker)
        if stranger is not None:
            await self.noted(ask, stranger.verdict, stranger.text)
            return Reply(stranger.text, ok=False)
        if len(ask.text) > MOST_TYPED:
            raise UsageError(
                f"The request is too long: {len(ask.text)} characters; the limit is {MOST_TYPED}."
            )
        return None

    async def _named(self, asker: Person, place: Place) -> tuple[Person, Place]:
        """They with the names that they were given before, if they come without."""
        if not (self._looked_back or (asker.name and place.name)):
            self._looked_back = True  # at once: whoever asks meanwhile does not wait
            try:
                self._names = Names(reversed(await self.store.audit.recent(LOOK_BACK)))
            except DatabaseUnavailable:
                self._looked_back = False
        return self._names.named(asker, place)

    async def begun(self, key: str) -> AuditEntry | None:
        """What the ask `key` began, if it began anything: it begins nothing more then.

        Raises DatabaseUnavailable.
        """
        return await self.store.audit.begun_by(key)

    async def cancel(
        self, job: str, *, asker: Person, groups: Groups, place: Place, key: str = ""
    ) -> Reply:
        """Cancel `job`: whoever might have asked for it may cancel it."""
        key = key or f"cancel/{job}"
        return await self.ask(f"cancel {job}", asker=asker, groups=groups, place=place, key=key)

    async def cancel_in_thread(
        self, place: Place, *, asker: Person, groups: Groups, key: str = ""
    ) -> Reply:
        """Cancel the job that is shown in the thread of `place`; of several that are open the only
        one of `asker`'s own."""
        try:
            jobs = await self.in_thread(place)
        except DatabaseUnavailable as error:
            return self._not_done(error)
        if not jobs:
            none = "No job of mine is shown in this thread."
            return await self._unclear(Ask("cancel", asker, place, key, self._clock()), none)
        own = [job for job in jobs if job.asked_by.id == asker.id]
        job, *others = own if len(own) == 1 else jobs
        if others:
            names = "; ".join(f"cancel {one.id[:6]} ({one.title})" for one in (job, *others))
            several = f"This thread has {len(jobs)} open jobs. Choose one: {names}."
            return await self._unclear(Ask("cancel", asker, place, key, self._clock()), several)
        return await self.cancel(job.id, asker=asker, groups=groups, place=place, key=key)

    async def _unclear(self, ask: Ask, problem: str) -> Reply:
        """Tell whoever may ask that it is not clear what was meant."""
        reply = await self._let_in(ask)
        if reply is None:
            await self.noted(ask, "unusable", problem)
        return reply or Reply(problem, ok=False)

    async def in_thread(self, place: Place) -> list[Job]:
        """The open jobs that are shown in the thread of `place`, or if there is none the newest
        that is over. Raises DatabaseUnavailable."""
        return await self.store.ledger.in_thread(place.front, place.channel, place.thread)

    def help(self) -> str:
        """What can be asked, in a line each."""
        return help_text(self.commands)

    async def _understood(self, ask: Ask, groups: Groups) -> Reply:
        """Raises UsageError. A full stop at the end is no word's, if without it all is known."""
        try:
            return await self._decided(self.commands.parse(ask.text), ask, groups)
        except UsageError as error:
            shorter, fault = without_stop(ask.text), error
        if shorter is not None:
            with contextlib.suppress(UsageError):
                return await self._decided(self.commands.parse(shorter), ask, groups)
        raise fault

    async def _decided(self, command: Command, ask: Ask, groups: Groups) -> Reply:
        if isinstance(command, HouseCommand):
            return await command.serve(self, ask, groups)
        if command.reach is Reach.HERE:
            return await self._looked(command, ask, groups)
        new, where, refusal = await self.weighed(command, ask, groups)
        if new is None:
            assert refusal is not None
            await self.noted(ask, refusal.verdict, refusal.text, environment=where)
            return Reply(refusal.text, ok=False)
        return await self._begun(new, ask)

    async def _looked(self, command: Command, ask: Ask, groups: Groups) -> Reply:
        """What the command answers of the servers that the one who asks may look at.

        Raises UsageError.
        """
        named = command.target.environment
        if named is not None:
            asked = [Asked(command.name, named, changes=False)]
            refusal = await self.refusal(asked, ask.asker, groups)
            if refusal is not None:
                await self.noted(ask, refusal.verdict, refusal.text, environment=named)
                return Reply(refusal.text, ok=False)
        reader = Reader(self.rights, command.name, ask.asker, ask.place, groups)
        servers = self.roster.servers()
        environments = {seen.facts.environment for seen in servers}
        looks = {each for each in environments if await reader.looks(each)}
        if servers and not looks:
            asked = [Asked(command.name, min(environments), changes=False)]
            refusal = await self.refusal(asked, ask.asker, groups)
            assert refusal is not None
            await self.noted(ask, refusal.verdict, refusal.text)
            return Reply(refusal.text, ok=False)
        seen = [one for one in servers if one.facts.environment in looks]
        answer = command.answer(SomeServers(seen, self.roster.blind_since))
        await self.noted(ask, "answered", environment=named or "")
        left = 0 if named else len(servers) - len(seen)
        return Reply(answer=replace(answer, summary=answer.summary + reader.left("server", left)))

    async def weighed(
        self, command: Command, ask: Ask, groups: Groups
    ) -> tuple[NewJob | None, str, Refusal | None]:
        """The job that `command` makes; where; and why it may not be asked: then there is no job.

        Raises UsageError if no known server is meant.
        """
        # What names no environment is judged by those of the servers that it is for.
        named = command.target.environment
        new = None if named else await self._planned(command, ask, groups)
        where = named or (new.job.environment if new else "")
        refusal = await self.refusal(asked_by(command, where.split(", ")), ask.asker, groups)
        if refusal is not None and set(where.split(", ")) <= self.environments():
            return None, where, refusal
        new = new or plan(command, ask, self.roster.servers(), self._source)
        return (new, where, None) if refusal is None else (None, where, refusal)

    async def _planned(self, command: Command, ask: Ask, groups: Groups) -> NewJob:
        """The job of a command that names no environment. Raises UsageError, which names no server
        or app that the one who asks may not look at."""
        servers = self.roster.servers()
        try:
            return plan(command, ask, servers, self._source)
        except UsageError:
            reader = Reader(self.rights, command.name, ask.asker, ask.place, groups)
            environments = {seen.facts.environment for seen in servers}
            looks = {each for each in environments if await reader.looks(each)}
            seen = [one for one in servers if one.facts.environment in looks]
            if servers and not seen:
                raise UsageError("No server that you are allowed to look at is meant.") from None
            chosen(seen, command.target)
            raise

    async def _begun(self, new: NewJob, ask: Ask) -> Reply:
        entry = self.entry(ask, "allowed", job=new.job.id, environment=new.job.environment)
        job = await self.store.ledger.ask(new, entry)
        self._wake(job.id)
        return Reply(job=job.id)

    async def refusal(
        self, asked: Sequence[Asked], asker: Person, groups: Groups
    ) -> Refusal | None:
        """Why `asker` may not ask `asked`; None if they may."""
        return await self.rights.refusal(asked, asker, groups)

    def asked_by(self, job: Job, shown: str = "") -> tuple[Asked, ...]:
        """What `job` asked for, called `shown` in a refusal."""
        known = self.commands.get(job.command)
        changes = known is None or known.command.changes
        return tuple(
            Asked(job.command, each, job.app, changes, shown)
            for each in sorted(job.environment.split(", "))
        )

    def kept(self, job: Job) -> Kept:
        """`job`, as somebody may want to read it."""
        return Kept(self.asked_by(job), job.asked_by, job.place)

    def kept_entry(self, entry: AuditEntry) -> Kept:
        """An entry of the audit, as somebody may want to read it. What belongs to no environment is
        about each protected one that its words name."""
        where = set(filter(None, entry.environment.split(", ")))
        if not where:
            words = set(re.findall(r"[\w.-]+", entry.words))
            where = {each for each in words if self.rights.policy.protects(each)}
        asked = tuple(Asked("audit", each, changes=False) for each in sorted(where))
        return Kept(asked, entry.person, entry.place)

    def environments(self) -> set[str]:
        """Every environment that is known: heard of, or named in the settings."""
        heard = {seen.facts.environment for seen in self.roster.servers()}
        return heard | set(self.rights.policy.environments)

    async def audit(
        self,
        ask: Ask,
        verdict: str,
        reason: str = "",
        job: Job | None = None,
        *,
        environment: str = "",
    ) -> None:
        """Keep `ask` for those who look later: it was about `job`, or about `environment` (or
        several, with commas between). Raises DatabaseUnavailable."""
        entry = self.entry(
            ask,
            verdict,
            reason,
            job=job.id if job else "",
            environment=job.environment if job else environment,
        )
        await self.store.audit.write(entry)

    async def stop_job(self, job: Job, ask: Ask) -> Reply:
        """Ask the servers to stop `job`, and close what was not sent yet."""
        done = await self.store.ledger.cancel(job.id, ask.asker, ask.at) or Cancelled(())
        self._wake(job.id)
        still = sum(not run.state.final for run in done.runs)
        if not still:
            return Reply(f"{job.title} is cancelled: nothing of it had begun.", job=job.id)
        if done.before is not None:
            who = done.before.name or done.before.id
            return Reply(f"{who} asked to stop {job.title} already.", job=job.id)
        servers = "1 server" if still == 1 else f"{still} servers"
        return Reply(f"Asked {servers} to stop {job.title}.", job=job.id)

    async def noted(
        self, ask: Ask, verdict: str, reason: str = "", *, environment: str = ""
    ) -> None:
        """Keep an ask that begins nothing. Without the database it is answered all the same, and
        kept in the log."""
        entry = self.entry(ask, verdict, reason, environment=environment)
        try:
            await self.store.audit.write(entry)
        except DatabaseUnavailable as error:
            log.error(
                "ask not kept",
                person=ask.asker.id,
                words=ask.text,
                verdict=verdict,
                reason=str(error),
            )

    def _blindness(self, error: UsageError) -> str:
        """A server may be unknown only because we cannot hear it: then that is said too."""
        since = self.roster.blind_since
        known_servers_decided = error.field in ("environment", "app", "host") and not error.usage
        if since is None or not known_servers_decided:
            return ""
        because = f" {self.roster.blind_because}" if self.roster.blind_because else ""
        return f"\nThe bot has not seen the message bus since {since:%H:%M:%S} UTC.{because}"

    def _not_done(self, error: DatabaseUnavailable) -> Reply:
        log.error("ask not taken", reason=str(error))
        return Reply(f"Nothing was done: {error}", ok=False)

    def has_news(self, job: str) -> None:
        """Say that `job` was begun or has changed."""
        self._wake(job)

    def now(self) -> datetime:
        """The time, as asks are dated."""
        return self._clock()

    def entry(
        self, ask: Ask, verdict: str, reason: str = "", *, job: str = "", environment: str = ""
    ) -> AuditEntry:
        """What is kept of `ask`."""
        self.asked[verdict] += 1
        return AuditEntry(
            ask.at,
            ask.asker,
            ask.place,
            cut(ask.text, MOST_WORDS),
            verdict,
            cut(reason, MOST_REASON),
            job,
            environment,
            ask.key,
        )


def cut(text: str, most: int) -> str:
    """`text`, and in place of what is too long an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _storable(text: str) -> str:
    """`text` without what no database takes: NUL and halves of surrogate pairs."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
