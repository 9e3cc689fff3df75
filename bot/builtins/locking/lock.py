"""`/lock`: have an app or an environment for oneself for a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from baton.bus.messages import Person, new_id
from baton.command import Known
from baton.errors import UsageError
from baton.text.words import did_you_mean
from baton.timing.calendar import zone
from bot.builtins.locking.words import LockWords, parse_lock
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.context import CommandContext
from bot.dispatch.name_cache import AUDIT_LOOKBACK
from bot.dispatch.people import Directories
from bot.dispatch.policy import AccessRequest, Refusal, is_user
from bot.dispatch.reply import Reply, ReplyKind
from bot.locks import Lock, Scope, clock
from bot.store.safety.lock_store import Locked, LockStore, NothingToSteal, StealsMore


class LockCommand(BuiltinCommand):
    """Lock an app or an environment: until it ends, only you can change its servers.

    Say what, until when, and why: until 14:00, until 2026-12-01 14:00, or for 2h; 7 days at most.
    If somebody else has it you wait, and get it when theirs ends. Again for what you have locked:
    it gets the new end. Options:

      --host web-1   only on this server
      --steal        take it from whoever has it; they are told
      --give @bea    give yours to somebody else

    /unlock ends it, /locks shows them all. You need a rule for the command lock.
    """

    name: ClassVar[str] = "lock"
    verbatim: ClassVar[bool] = True
    example: ClassVar[str] = "/lock shop prod until 14:00 because migration"
    words: tuple[str, ...] = Field(
        description="what, until when, and because of what", examples=["shop"]
    )

    @classmethod
    def usage(cls) -> str:
        """Return the usage line: what, until when, why."""
        return "/lock [APP] ENVIRONMENT [--host SERVER] until TIME|for 2h because REASON"


class LockHandler(Handler[LockCommand]):
    """Takes, extends, takes over and gives locks. `changed` is called once one has changed."""

    def __init__(
        self,
        locks: LockStore,
        known: Known,
        people: Directories,
        authorizer: Authorizer,
        audit: AuditLog,
        changed: Callable[[], None],
    ) -> None:
        self._locks = locks
        self._known = known
        self._people = people
        self._authorizer = authorizer
        self._audit = audit
        self._changed = changed

    @override
    async def handle(self, command: LockCommand, context: CommandContext) -> Reply:
        asked = context.invocation
        profile = await self._people.profile(asked.place.directory, asked.asker.id)
        found = parse_lock(command.words, asked.at, zone(profile.zone or "UTC"))
        self._check(found.scope)
        refusal = await may_lock(self._authorizer, found.scope, "lock", context)
        if refusal is not None:
            return await self._audit.refuse(asked, refusal, environment=found.scope.environment)
        if found.give:
            return await self._give(found, context)
        if not found.reason:
            raise UsageError("Write the reason: because migration.", f"Usage: {command.usage()}")
        if not found.ends and not found.steal:
            raise UsageError(
                "A lock always has an end: until 14:00, or for 2h.", f"Usage: {command.usage()}"
            )
        return await self._lock(found, context)

    async def _lock(self, said: LockWords, context: CommandContext) -> Reply:
        asked = context.invocation
        lock = Lock(
            new_id(),
            asked.key,
            said.scope,
            asked.asker,
            asked.place,
            said.reason,
            asked.at,
            said.until or asked.at,
            said.seconds,
        )
        try:
            locked = await self._locks.ask(lock, steal=said.steal)
        except NothingToSteal:
            text = f"Nobody else has a lock of {said.scope.label}. Ask again without --steal."
            await self._audit.write(asked, "unusable", text, environment=said.scope.environment)
            return Reply(text, kind=ReplyKind.CONFLICT)
        except StealsMore as error:
            other = error.lock
            text = (
                f"{other.owner.label}'s lock is of {other.scope.label}: to take a part of it would "
                f"end all of it. To take all: /lock {other.scope.words} --steal because …"
            )
            await self._audit.write(asked, "unusable", text, environment=said.scope.environment)
            return Reply(text, kind=ReplyKind.CONFLICT)
        await self._audit.write(asked, "allowed", environment=said.scope.environment)
        self._changed()
        return Reply(_told(locked))

    async def _give(self, said: LockWords, context: CommandContext) -> Reply:
        asked = context.invocation
        if said.ends or said.reason or said.steal:
            raise UsageError("--give stands alone: /lock shop prod --give @bea. The end stays.")
        to = await self._person(said.give, asked.place.directory)
        directory = asked.place.directory
        given = await self._locks.give(said.scope, asked.asker, directory, to, asked.key)
        if given is None:
            text = f"You do not have a lock of {said.scope.label}. See /locks."
            await self._audit.write(asked, "unusable", text, environment=said.scope.environment)
            return Reply(text, kind=ReplyKind.CONFLICT)
        await self._audit.write(asked, "allowed", environment=said.scope.environment)
        self._changed()
        return Reply(f"{to.label} has the lock of {said.scope.label} now, until {_end(given)}.")

    async def _person(self, word: str, directory: str) -> Person:
        """Return the person that `word` names: by id, or by the name under which they asked for
        something before. Raises UsageError."""
        name = word.removeprefix("@")
        if is_user(name):
            profile = await self._people.profile(directory, name)
            return Person(id=name, name=profile.name, standing=profile.standing)
        entries = await self._audit.recent(AUDIT_LOOKBACK)
        found = {
            entry.person.id: entry.person
            for entry in reversed(entries)
            if entry.place.directory == directory and entry.person.name == name
        }
        if len(found) != 1:
            who = "Nobody" if not found else "More than one person"
            raise UsageError(f"{who} called @{name} is known here. Write their user ID.")
        return next(iter(found.values()))

    def _check(self, scope: Scope) -> None:
        """Raises UsageError if no known server is in `scope`: a lock of nothing protects nothing,
        and its owner would believe in it."""
        facts = [seen.facts for seen in self._known.servers()]
        where = self._authorizer.environments(self._known.servers())
        if scope.environment not in where:
            hint = did_you_mean(scope.environment, where)
            raise UsageError(f"No server is in environment {scope.environment}.{hint}")
        apps = {app for one in facts if one.environment == scope.environment for app in one.apps}
        if scope.app is not None and scope.app not in apps:
            hint = did_you_mean(scope.app, apps)
            raise UsageError(f"No server in {scope.environment} has app {scope.app}.{hint}")
        hosts = {one.host for one in facts if one.environment == scope.environment}
        for host in sorted(scope.hosts - hosts):
            hint = did_you_mean(host, hosts)
            raise UsageError(f"No server {host} is in {scope.environment}.{hint}")


async def may_lock(
    authorizer: Authorizer, scope: Scope, by: str, context: CommandContext
) -> Refusal | None:
    """Return why whoever asks may not change the locks of `scope`; None if they may. It keeps
    others from changing servers, so it needs what changing them needs: a rule."""
    request = AccessRequest("lock", scope.environment, scope.app, shown=f"/{by} {scope.label}")
    return await authorizer.refusal([request], context.invocation.asker, context.groups)


def _told(locked: Locked) -> str:
    lock = locked.lock
    if lock.ended is not None:
        return f"This lock of {lock.scope.label} has ended."
    if not lock.held:
        before = ", ".join(
            f"{one.owner.label} ({'until ' + _end(one) if one.held else 'waits'})"
            for one in locked.ahead
        )
        place = 1 + sum(one.waits for one in locked.ahead)
        return (
            f"You wait for the lock of {lock.scope.label}, as number {place}. Before you: "
            f"{before}. You are told when it is yours."
        )
    text = f"You have the lock of {lock.scope.label} until {_end(lock)}."
    if locked.extended:
        text = f"Your lock of {lock.scope.label} ends at {_end(lock)} now."
    if locked.stolen:
        who = ", ".join(sorted({one.owner.label for one in locked.stolen}))
        text += f" It was {who}'s, who is told."
    return f"{text} To end it: /unlock {lock.scope.words}"


def _end(lock: Lock) -> str:
    return clock(lock.until)
