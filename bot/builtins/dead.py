"""`/dead`: messages that could not be handled, from chat and the console."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field
from typing_extensions import override

from baton.bus.dead_letters import DeadLetter, Resent, why_not_resent
from baton.bus.exchanges import MONITORED, queue_of
from baton.bus.messages import Request, now
from baton.command import Reach
from baton.errors import BatonError, UsageError
from baton.fields import Positional
from baton.outcome import Answer
from baton.text.masked import masked_body, masked_text
from baton.text.printable import printable
from baton.text.words import cited, did_you_mean, joined, spaced
from bot.dispatch.audit_log import AuditLog, shortened
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.context import CommandContext
from bot.dispatch.dead_letters import ALL, DeadLetters, by_reason, environment_of, meant
from bot.dispatch.gates.gatekeeper import Gatekeeper
from bot.dispatch.gates.looked import Looked
from bot.dispatch.gates.situation import order_of
from bot.dispatch.live_commands import LiveCommands
from bot.dispatch.planner import Denied
from bot.dispatch.policy import AccessRequest, Refusal
from bot.dispatch.reply import Reply, ReplyKind, started
from bot.jobs import Job, short_id
from bot.store.errors import DatabaseUnavailable
from bot.store.jobs.ledger import Ledger

MAX_WIDTH = 160
"""Characters of a reason that are shown in a table."""
MAX_PAYLOAD = 6_000
"""Characters of a payload that are shown."""
MAX_LISTED = 10
"""Letters that were left are named in a reply, at most."""

ACTIONS = ("list", "show", "retry", "drop", "help")


class DeadCommand(BuiltinCommand):
    """List messages that could not be handled, and send them again or drop them.

    /dead                          list them by reason, with the newest of each
    /dead list all.REASON          list the letters of a reason
    /dead show LETTER              why, how often, and what is in it, with secrets masked
    /dead retry LETTER             send it again to where it was for
    /dead retry LETTER as KEY      send it under another key, such as work.reports
    /dead retry LETTER as COMMAND  run a command in its place, such as /report may
    /dead drop LETTER              remove it for good

    LETTER is the id that the lists show, or its beginning, or all.REASON for all of a reason. Show,
    retry and drop need a rule for the command dead; who sends a request for a command again needs
    one for that too. All of it is in the audit log.
    """

    name: ClassVar[str] = "dead"
    verbatim: ClassVar[bool] = True
    changes: ClassVar[bool] = True
    example: ClassVar[str] = "/dead retry 7k2m9x"
    words: Annotated[tuple[str, ...], Positional] = Field(
        default=(), description="show, retry or drop, and a letter", examples=list(ACTIONS)
    )

    @classmethod
    def usage(cls) -> str:
        """Return the usage line: a word, then which letter."""
        return "/dead [list all.REASON] | show LETTER | retry LETTER [as KEY|COMMAND] | drop LETTER"


class DeadHandler(Handler[DeadCommand]):
    """Answers /dead about `letters`. `job_changed` is called with the id of a job that a command in
    place of a letter has started."""

    def __init__(
        self,
        letters: DeadLetters,
        commands: LiveCommands,
        ledger: Ledger,
        gatekeeper: Gatekeeper,
        authorizer: Authorizer,
        audit: AuditLog,
        job_changed: Callable[[str], None],
    ) -> None:
        self._letters = letters
        self._commands = commands
        self._ledger = ledger
        self._gatekeeper = gatekeeper
        self._authorizer = authorizer
        self._audit = audit
        self._job_changed = job_changed

    @override
    async def handle(self, command: DeadCommand, context: CommandContext) -> Reply:
        action, words = (command.words[0].lower(), command.words[1:]) if command.words else ("", ())
        try:
            if action == "help":
                await self._audit.write_or_log(context.invocation, "answered")
                return Reply(DeadCommand.help())
            if action in ("", "list"):
                return await self._list(words, context)
            if action not in ACTIONS:
                hint = did_you_mean(action, ACTIONS)
                raise UsageError(f"/dead has no {cited(action)}.{hint}", DeadCommand.usage())
            if not words:
                raise UsageError(f"Which letter? /dead {action} LETTER, as /dead lists them.")
            found = meant((await self._letters.look()).letters, words[0])
            return await self._act(action, words, found, context)
        except (UsageError, DatabaseUnavailable):
            raise
        except BatonError as error:
            await self._audit.write_or_log(context.invocation, "undecided", str(error))
            text = f"Not known to be done: {error} A letter that was not sent is still there."
            return Reply(text, kind=ReplyKind.UNAVAILABLE)

    async def _act(
        self,
        action: str,
        words: Sequence[str],
        found: Sequence[DeadLetter],
        context: CommandContext,
    ) -> Reply:
        asked = context.invocation
        target = _target(action, words, found)
        sends = action == "retry" and not target.startswith("/")
        refusal = await self._refusal(action, found, target if sends else "", sends, context)
        where = ", ".join(sorted({environment_of(one) for one in found} - {""}))
        if refusal is not None:
            return await self._audit.refuse(asked, refusal, environment=where)
        if target.startswith("/"):
            return await self._run_in_place(target, found[0], context)
        await self._audit.write(asked, "allowed", ", ".join(_names(found)), environment=where)
        if action == "show":
            return Reply(answer=_shown(found))
        if action == "drop":
            gone = await self._letters.drop({one.name for one in found})
            return Reply(
                f"Dropped {_counted(gone)}."
                if gone
                else "Nothing was dropped: it is not there now."
            )
        return await self._resend(found, target, all_of_them=words[0].startswith(ALL))

    async def _resend(self, found: Sequence[DeadLetter], to: str, *, all_of_them: bool) -> Reply:
        """Send these letters again. Of all of a reason a request that nobody is proven to have sent
        is left: whoever means it names it."""
        left = []
        if all_of_them:
            reasons = [(one, why_not_resent(one, (), (), now())) for one in found]
            left = [(one, reason) for one, reason in reasons if reason]
        names = {one.name for one in found} - {one.name for one, _ in left}
        made = await self._letters.resend(names, to) if names else Resent((), ())
        left += made.left
        lines = [f"Sent {_counted(made.done)} again."] if made.done else []
        lines += [f"Not sent: {one.name}: {reason}." for one, reason in left[:MAX_LISTED]]
        if len(left) > MAX_LISTED:
            lines.append(f"and {len(left) - MAX_LISTED} more that were not sent")
        if not lines:
            lines = [
                "Nothing was sent: what /dead listed is not there now. Somebody else may be at it."
            ]
        kind = ReplyKind.DONE if made.done and not left else ReplyKind.CONFLICT
        return Reply("\n".join(lines), kind=kind)

    async def _refusal(
        self,
        action: str,
        found: Sequence[DeadLetter],
        to: str,
        sends: bool,
        context: CommandContext,
    ) -> Refusal | None:
        """Return why the one who asks may not do that with these letters. Who sends what orders
        servers to do something needs what that needs."""
        shown = f"/dead {action}"
        wanted = {AccessRequest("dead", environment_of(one), shown=shown) for one in found}
        for one in found if sends else ():
            wanted |= self._orders(one, to)
        requests = sorted(wanted, key=lambda each: (each.environment, each.command, each.app or ""))
        asker, groups = context.invocation.asker, context.groups
        refusal = await self._authorizer.refusal(requests, asker, groups)
        if refusal is not None or not sends:
            return refusal
        orders = {
            order_of(each, one.message if isinstance(one.message, Request) else None)
            for one in found
            for each in self._orders(one, to)
        }
        return await self._gatekeeper.refusal(sorted(orders, key=str), context)

    def _orders(self, letter: DeadLetter, to: str) -> set[AccessRequest]:
        message = letter.message
        if isinstance(message, Request):
            known = self._commands.get(message.command)
            changes = known is None or known.command.changes
            app = message.arguments.get("app")
            where = message.environment
            named = app if isinstance(app, str) else None
            return {AccessRequest(message.command, where, named, changes)}
        queue = queue_of(to or letter.key)
        return {
            AccessRequest(name, each)
            for name, one in self._commands.runners().items()
            if queue and one.runner.queue == queue
            for each in one.environments
        }

    async def _run_in_place(
        self, target: str, letter: DeadLetter, context: CommandContext
    ) -> Reply:
        """Start the job of a command, and drop the letter once the ledger has it."""
        command = self._commands.parse(target)
        if command.reach is Reach.HERE:
            raise UsageError(f"/{command.name} cannot run in place of a letter: no server runs it.")
        job: Looked | Denied | Job = await self._gatekeeper.admit(command, context)
        asked = context.invocation
        if isinstance(job, Looked):
            entry = self._audit.starting(asked, job.new.job, f"in place of {letter.name}")
            begin = partial(self._ledger.start_job, entry=entry)
            job = await self._gatekeeper.start(job, context, begin)
        if isinstance(job, Denied):
            return await self._audit.refuse(asked, job.refusal, environment=job.environment)
        self._job_changed(job.id)
        text = f"Started job {short_id(job.id)} in place of {letter.name}"
        try:
            gone = await self._letters.drop({letter.name})
        except BatonError as error:  # the job has started all the same
            return started(job.id, f"{text}. The letter is still there: {error}")
        kept = "" if gone else " The letter was not there any more."
        return started(job.id, f"{text}, which is dropped.{kept}")

    async def _list(self, words: Sequence[str], context: CommandContext) -> Reply:
        found = await self._letters.look()
        letters = found.letters
        reader = self._authorizer.reader("dead", context)
        seen = [one for one in letters if await reader.may_look_at(environment_of(one))]
        await self._audit.write_or_log(context.invocation, "answered")
        note = reader.left_out_note("letter", len(letters) - len(seen))
        of = f", among {found.bound}" if found.bound else ""
        if words:
            some = meant(seen, words[0])
            rows = tuple(_row(one) for one in some)
            columns = ("letter", "sent (UTC)", "type", "for", "from")
            return Reply(answer=Answer(f"{some[-1].reason}: {len(some)}{of}{note}", columns, rows))
        if not seen:
            return Reply(answer=Answer(f"There are no dead letters{of}{note}"))
        rows = tuple(
            (
                one.word,
                str(len(one.letters)),
                _moment(one.letters[-1]) if one.newest is None else f"{one.newest:%m-%d %H:%M:%S}",
                one.letters[-1].name,
                shortened(printable(masked_text(one.text)), MAX_WIDTH),
            )
            for one in by_reason(seen)
        )
        columns = ("reason", "letters", "newest (UTC)", "a letter", "why")
        return Reply(answer=Answer(f"Dead letters: {len(seen)}{of}{note}", columns, rows))


def _target(action: str, words: Sequence[str], found: Sequence[DeadLetter]) -> str:
    """Return where `retry LETTER as ...` sends it: a key, or a command with its slash; empty if to
    where it was for. Raises UsageError."""
    rest = list(words[1:])
    if not rest:
        return ""
    if action != "retry" or rest[0].lower() != "as" or len(rest) < 2:
        raise UsageError(f"Unexpected: {cited(spaced(rest))}.", DeadCommand.usage())
    if rest[1].startswith("/") or len(rest) > 2:
        if len({one.name for one in found}) != 1 or words[0].startswith(ALL):
            raise UsageError("A command runs in place of one letter: name one, not a reason.")
        return "/" + joined(rest[1:]).removeprefix("/")
    key = rest[1]
    if not (queue_of(key) or key.partition(".")[0] in MONITORED):
        raise UsageError(
            f"{cited(key)} is no key that a letter can be sent under: it must be work.QUEUE, or "
            f"begin with {' or '.join(f'{each}.' for each in MONITORED)}. A command begins with /."
        )
    ours = next((one for one in found if one.order), None)
    if ours is not None:
        raise UsageError(
            f"{ours.name} is a request of Baton's own ({ours.order}): the ledger expects its "
            "answer from where it was for. Run the command itself: /dead retry LETTER as /COMMAND"
        )
    return key


def _shown(found: Sequence[DeadLetter]) -> Answer:
    """Return all about a letter, or the newest of several of a reason."""
    one = found[-1]
    again = {0: "never sent again", 1: "sent again once"}.get(
        one.resent, f"sent again {one.resent} times"
    )
    facts = [
        ("why", masked_text(one.reason)),
        ("how often", f"{len(found)} letters of this; {again}" if len(found) > 1 else again),
        ("sent", "not known" if one.time is None else f"{one.time:%Y-%m-%d %H:%M:%S} UTC"),
        ("from", one.sender or "an unknown sender"),
        ("type", one.type or "none"),
        ("for", one.key),
        ("job", one.job),
        ("asks", masked_text(one.order)),
        ("size", f"{one.size} bytes"),
    ]
    lines = [f"{name:<10}{printable(text)[:500]}" for name, text in facts if text]
    payload = masked_body(one.body, MAX_PAYLOAD)
    return Answer(f"The dead letter {one.name}", document="\n".join([*lines, "", payload]))


def _row(one: DeadLetter) -> tuple[str, ...]:
    cells = (one.name, _moment(one), one.type, one.key, one.sender or "unknown")
    return tuple(shortened(printable(cell), 80) for cell in cells)


def _moment(one: DeadLetter) -> str:
    return "" if one.time is None else f"{one.time:%m-%d %H:%M:%S}"


def _counted(letters: Sequence[DeadLetter]) -> str:
    names = _names(letters)
    return names[0] if len(names) == 1 else f"{len(names)} letters: {', '.join(names[:MAX_LISTED])}"


def _names(letters: Sequence[DeadLetter]) -> list[str]:
    return [one.name for one in letters]
