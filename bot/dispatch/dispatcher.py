"""The dispatcher: where asks arrive, from every front end. Step 1 of the path (request).

words -> command -> may they? -> job in the ledger. What is written here is sent and shown by
others, even if this bot dies the moment after. What the bot answers itself goes to its handler.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import structlog
from typing_extensions import override

from baton.bus.messages import Person, now
from baton.command import Command, Reach
from baton.errors import ExtensionError, UsageError
from baton.extensions import Commands
from baton.text.words import unmarked, without_stop
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer, looked_up_once
from bot.dispatch.builtin import Handler
from bot.dispatch.command_form import (
    CommandForm,
    begun,
    command_form,
    filled_so_far,
    form_of,
    values_of,
)
from bot.dispatch.context import CommandContext, Invocation
from bot.dispatch.gates.gatekeeper import Gatekeeper
from bot.dispatch.gates.looked import Looked
from bot.dispatch.gates.words import Said, read_said, without_rollout
from bot.dispatch.name_cache import AUDIT_LOOKBACK, NameCache
from bot.dispatch.plan import Plan
from bot.dispatch.plan_maker import LOOK, PLAN_LIMITS, PlanMaker
from bot.dispatch.planner import Denied
from bot.dispatch.protocol import Dispatcher, GroupLookup
from bot.dispatch.rate_limiter import PersonRateLimiter
from bot.dispatch.reply import Reply, ReplyKind, refused, started, unusable
from bot.dispatch.rollout_form import rollout_line
from bot.dispatch.thread_words import ThreadWords, thread_words
from bot.dispatch.why import why_reply
from bot.jobs import AuditEntry, Job, Place, short_id
from bot.priority import ForegroundPriority
from bot.servers.registry import ServerRegistry
from bot.store.database.column_types import storable
from bot.store.errors import DatabaseUnavailable
from bot.store.jobs.ledger import Ledger

log = structlog.get_logger(__name__)
T = TypeVar("T")

MAX_TYPED = 8_000
"""Characters of a request, at most."""
THREAD_TIMEOUT, THREAD_INTERVAL = 1.0, 0.1
"""Seconds for which the job of a thread is looked for, and between two looks: people can see a post
a moment before the database knows in which thread it is."""


class CommandDispatcher(Dispatcher):
    """Takes what people ask. `handlers` answer, by name, what the bot answers itself: each of
    `commands` that no server does must be among them. `job_changed` is called with the id of a
    job that has news; `limiter` says how often each person may ask, if that is limited.

    Raises ExtensionError if a command has nobody to answer it.
    """

    def __init__(
        self,
        commands: Commands,
        handlers: Mapping[str, Handler[Any]],
        gatekeeper: Gatekeeper,
        authorizer: Authorizer,
        audit: AuditLog,
        ledger: Ledger,
        servers: ServerRegistry,
        *,
        job_changed: Callable[[str], None],
        priority: ForegroundPriority,
        limiter: PersonRateLimiter | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._commands = commands
        self._handlers = handlers
        self._gatekeeper = gatekeeper
        self._authorizer = authorizer
        self._audit = audit
        self._ledger = ledger
        self._servers = servers
        self._job_changed = job_changed
        self._priority = priority
        self._limiter = limiter
        self._clock = clock
        self._plans = PlanMaker(gatekeeper, authorizer, servers)
        self._plan_limiter = PersonRateLimiter(PLAN_LIMITS)
        self._names = NameCache()
        self._looked_back = False
        for name, extension in commands.items():
            if extension.command.reach is Reach.HERE and name not in handlers:
                reason = "it is answered here (Reach.HERE), and no handler answers it"
                raise ExtensionError(name=name, reason=reason)

    @property
    @override
    def commands(self) -> Commands:
        """Return what can be asked."""
        return self._commands

    @override
    async def ask(
        self, text: str, *, asker: Person, groups: GroupLookup, place: Place, key: str
    ) -> Reply:
        """Return the immediate reply to `text`; a job that it starts is shown in `place`.

        The same `key` twice is the same ask: it starts nothing new. Never raises for what people
        typed or for a database that is away: the reply says what is wrong and what became of the
        ask.
        """
        with self._priority.foreground():
            asker, place = await self._with_names(asker, place)
            asked = Invocation(storable(text), asker, place, key, self._clock())
            try:
                turned_away = await self._admit(asked)
                if turned_away is not None:
                    return turned_away
                said = read_said(asked.text, self._commands)
                context = _context(asked, groups, said)
                if said.why:
                    return await self.why(said.words, context)
                return await self._parsed(said.words, context, self._route)
            except UsageError as error:
                await self._audit.write_or_log(asked, "unusable", error.problem)
                offered = form_of(self._commands, asked.text)
                return unusable(error, self._blindness_note(error), offered)
            except DatabaseUnavailable as error:
                return self._nothing_done(error)

    @override
    async def plan(
        self, text: str, *, asker: Person, groups: GroupLookup, place: Place
    ) -> Plan | Reply:
        """Return what `text` would reach, or the reply that says why there is no plan of it.

        Nothing is written, and there is no audit entry: nobody asked for anything.
        """
        asked = Invocation(storable(text), asker, place, "", self._clock())
        try:
            turned_away = self._admit_to_look(asked)
            if turned_away is not None:
                return turned_away
            said = read_said(asked.text, self._commands)
            context = _context(asked, groups, said)
            return await self._parsed(said.words, context, self._planned)
        except UsageError as error:
            return unusable(error, self._blindness_note(error))
        except DatabaseUnavailable as error:
            return Reply(str(error), kind=ReplyKind.UNAVAILABLE)

    @override
    async def form(
        self, text: str, *, asker: Person, groups: GroupLookup, place: Place
    ) -> CommandForm | Reply:
        """Return the form of the command that `text` begins, filled in so far, or the reply that
        says why there is none. It offers what the one who asks may look at.

        Nothing is read from the database or written, and there is no audit entry.
        """
        with self._priority.foreground():
            asked = Invocation(storable(text), asker, place, "", self._clock())
            try:
                turned_away = self._admit_to_look(asked)
                if turned_away is not None:
                    return turned_away
                rest, rollout = without_rollout(unmarked(asked.text), self._commands)
                command, words = begun(self._commands, rest)
                context = CommandContext(asked, looked_up_once(groups))
                reader = self._authorizer.reader(LOOK, context)
                values = values_of(await reader.visible(self._servers.servers()))
                form = command_form(command, values, filled_so_far(command, words))
                return replace(form, rollout=rollout_line(command, rollout))
            except UsageError as error:
                return unusable(error)

    def _admit_to_look(self, asked: Invocation) -> Reply | None:
        """Return the reply to whoever may ask nothing, or looks too often; None to continue. Raises
        UsageError."""
        self._plan_limiter.ended_bursts()  # forgotten: no audit entry sums them up
        held = self._plan_limiter.take(asked)
        if held is not None:
            words = held.text(self._plan_limiter.limits)
            return Reply(words, kind=ReplyKind.LIMITED, seconds=held.wait)
        stranger = self._authorizer.policy.stranger(asked.asker)
        if stranger is not None:
            return refused(stranger)
        _check_length(asked.text)
        return None

    async def _planned(self, command: Command, context: CommandContext) -> Plan:
        """Return the plan of `command`. Raises UsageError and DatabaseUnavailable."""
        handler = self._handlers.get(command.name)
        if handler is None:
            return await self._plans.of_servers(command, context)
        return await self._plans.of(command, await handler.plan(command, context), context)

    async def why(self, text: str, context: CommandContext) -> Reply:
        """Return what every gate says of `text`. Raises UsageError and DatabaseUnavailable."""
        said = read_said(text, self._commands)
        context = replace(
            context,
            break_glass=said.break_glass or context.break_glass,
            rollout=said.rollout or context.rollout,
        )
        reply = why_reply(await self._parsed(said.words, context, self._planned))
        await self._audit.write_or_log(context.invocation, "answered")
        return reply

    async def _admit(self, asked: Invocation) -> Reply | None:
        """Return the reply to whoever may ask nothing, or nothing now; None to continue. Raises
        UsageError."""
        if self._limiter is not None:
            for first, count in self._limiter.ended_bursts():
                reason = f"{count} requests were refused: too many"
                await self._audit.write_or_log(first, "limited", reason)
            held = self._limiter.take(asked)
            if held is not None:
                text = held.text(self._limiter.limits)
                if held.first:
                    await self._audit.write_or_log(asked, "limited", text)
                else:
                    self._audit.counts["limited"] += 1
                return Reply(text, kind=ReplyKind.LIMITED, seconds=held.wait)
        stranger = self._authorizer.policy.stranger(asked.asker)
        if stranger is not None:
            await self._audit.write_or_log(asked, stranger.verdict, stranger.text)
            return refused(stranger)
        _check_length(asked.text)
        return None

    async def _with_names(self, asker: Person, place: Place) -> tuple[Person, Place]:
        """Return them with the names that they were given before, if they come without."""
        if not (self._looked_back or (asker.name and place.name)):
            self._looked_back = True  # at once: whoever asks meanwhile does not wait
            try:
                self._names = NameCache(reversed(await self._audit.recent(AUDIT_LOOKBACK)))
            except DatabaseUnavailable:
                self._looked_back = False
        return self._names.with_names(asker, place)

    @override
    async def started_by(self, key: str) -> AuditEntry | None:
        """Return what the ask `key` started, if it started anything: it starts nothing more then.

        Raises DatabaseUnavailable.
        """
        return await self._audit.started_by(key)

    @override
    async def cancel(
        self, job: str, *, asker: Person, groups: GroupLookup, place: Place, key: str = ""
    ) -> Reply:
        """Cancel `job`: whoever might have asked for it may cancel it."""
        key = key or f"cancel/{job}"
        return await self.ask(f"cancel {job}", asker=asker, groups=groups, place=place, key=key)

    @override
    async def ask_in_thread(
        self, text: str, place: Place, *, asker: Person, groups: GroupLookup, key: str = ""
    ) -> Reply:
        """Take `text`, which is said about the job that is shown in the thread of `place`; of
        several that are open it is the only one of `asker`'s own, or the only one that waits for
        people or goes in waves."""
        said = thread_words(text) or ThreadWords(text.strip())
        try:
            jobs = await self._jobs_in_thread(place)
        except DatabaseUnavailable as error:
            return self._nothing_done(error)
        asked = Invocation(storable(text), asker, place, key, self._clock())
        if not jobs:
            return await self._reject(asked, "There is no job in this thread.")
        if said.verb == "cancel":
            own = [job for job in jobs if job.asked_by.id == asker.id]
        elif said.verb == "rollout":
            own = [job for job in jobs if job.hold is not None and job.hold.rolling]
        else:
            own = [job for job in jobs if job.hold is not None and job.hold.opened is None]
        job, *others = own if len(own) == 1 else jobs
        if others:
            names = "; ".join(
                f"{said.about(short_id(one.id))} ({one.title})" for one in (job, *others)
            )
            several = f"This thread has {len(jobs)} open jobs. Choose one: {names}."
            return await self._reject(asked, several)
        words = said.about(job.id)
        key = key or words.replace(" ", "/")
        return await self.ask(words, asker=asker, groups=groups, place=place, key=key)

    async def _jobs_in_thread(self, place: Place) -> list[Job]:
        """Return the open jobs of a thread, or if there is none the newest that is over. Raises
        DatabaseUnavailable."""
        loop = asyncio.get_running_loop()
        until = loop.time() + THREAD_TIMEOUT
        while True:
            jobs = await self._ledger.in_thread(place.front, place.channel, place.thread)
            if jobs or loop.time() >= until:
                return jobs
            await asyncio.sleep(THREAD_INTERVAL)

    async def _reject(self, asked: Invocation, problem: str) -> Reply:
        """Return the reply that says that it is not clear what was meant, or why they may ask
        nothing."""
        reply = await self._admit(asked)
        if reply is None:
            await self._audit.write_or_log(asked, "unusable", problem)
        return reply or Reply(problem, kind=ReplyKind.UNUSABLE)

    async def _parsed(
        self,
        text: str,
        context: CommandContext,
        then: Callable[[Command, CommandContext], Awaitable[T]],
    ) -> T:
        """Parse `text`, which was typed, and return what `then` makes of it. A full stop at the end
        is no word's, if without it all is known. Raises UsageError."""
        try:
            return await then(self._commands.parse(text), context)
        except UsageError as error:
            shorter, fault = without_stop(text), error
        if shorter is not None:
            with contextlib.suppress(UsageError):
                return await then(self._commands.parse(shorter), context)
        raise fault

    async def _route(self, command: Command, context: CommandContext) -> Reply:
        """Bring `command` to its handler, or to the servers that it is for. Raises UsageError."""
        handler = self._handlers.get(command.name)
        if handler is not None:
            return await handler.handle(command, context)
        found: Looked | Denied | Job = await self._gatekeeper.admit(command, context)
        asked = context.invocation
        if isinstance(found, Looked):
            entry = self._audit.starting(asked, found.new.job)
            begin = partial(self._ledger.start_job, entry=entry)
            found = await self._gatekeeper.start(found, context, begin)
        if isinstance(found, Denied):
            refusal = found.refusal
            await self._audit.write_or_log(
                asked, refusal.verdict, refusal.text, environment=found.environment
            )
            return refused(refusal)
        self._job_changed(found.id)
        return started(found.id)

    def _blindness_note(self, error: UsageError) -> str:
        """Return a line that says since when we hear no server, if `error` may be due to that."""
        since = self._servers.blind_since
        known_servers_decided = error.field in ("environment", "app", "host") and not error.usage
        if since is None or not known_servers_decided:
            return ""
        because = f" {self._servers.blind_because}" if self._servers.blind_because else ""
        return f"\nThe bot has had no connection to RabbitMQ since {since:%H:%M:%S} UTC.{because}"

    def _nothing_done(self, error: DatabaseUnavailable) -> Reply:
        log.error("request not carried out", reason=str(error))
        return Reply(f"Nothing was done: {error}", kind=ReplyKind.UNAVAILABLE)


def _context(asked: Invocation, groups: GroupLookup, said: Said) -> CommandContext:
    """Return the context of `asked`, with what was said beside its words."""
    return CommandContext(
        asked, looked_up_once(groups), break_glass=said.break_glass, rollout=said.rollout
    )


def _check_length(text: str) -> None:
    """Raises UsageError if `text` is too long."""
    if len(text) > MAX_TYPED:
        raise UsageError(
            f"The request is too long: {len(text)} characters; the limit is {MAX_TYPED}."
        )
