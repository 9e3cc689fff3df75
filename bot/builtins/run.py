"""`/run`: the runners of workers. `/run NAME` is the command of one: bot.dispatch.live_commands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, ClassVar

from pydantic import Field
from typing_extensions import override

from baton.bus.channel import Channel
from baton.bus.exchanges import foreign_queue, work_queue
from baton.errors import BatonError, UsageError
from baton.fields import Positional
from baton.outcome import Answer
from baton.text.words import cited
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer, Reader
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.context import CommandContext
from bot.dispatch.live_commands import LiveCommands
from bot.dispatch.reply import Reply
from bot.servers.runners import DeclaredRunner

Depth = Callable[[str], Awaitable[int | None]]
"""Returns how many jobs wait in a work queue; None if that is not known."""

_COLUMNS = ("runner", "queue", "workers", "waiting", "how to ask")


class RunCommand(BuiltinCommand):
    """List the runners of workers, or give a job to one: /run RUNNER, then its arguments.

    A runner is declared in the settings of a worker. It is a command like any other: /run report
    may and /report may are the same. For its arguments: /help RUNNER.
    """

    name: ClassVar[str] = "run"
    example: ClassVar[str] = "/run report may"
    runner: Annotated[str | None, Positional] = Field(
        default=None, description="a runner that /run lists; its arguments follow"
    )


class RunHandler(Handler[RunCommand]):
    """Lists the runners in `commands`; `depth` returns how many jobs wait in a work queue."""

    def __init__(
        self, commands: LiveCommands, depth: Depth, authorizer: Authorizer, audit: AuditLog
    ) -> None:
        self._commands = commands
        self._depth = depth
        self._authorizer = authorizer
        self._audit = audit

    @override
    async def handle(self, command: RunCommand, context: CommandContext) -> Reply:
        if command.runner is not None:
            raise UsageError(f"No worker has a runner {cited(command.runner)}. See /run.")
        await self._audit.write_or_log(context.invocation, "answered")
        reader = self._authorizer.reader(command.name, context)
        found = self._commands.runners()
        shown = {name: one for name, one in found.items() if await _visible(one, reader)}
        rows = tuple([await self._row(name, one) for name, one in sorted(shown.items())])
        left_out = reader.left_out_note("runner", len(found) - len(shown))
        if not rows:
            none = "No worker has declared a runner" if not found else "Runners: 0"
            return Reply(answer=Answer(none + left_out))
        notes = [note for one in shown.values() for note in one.notes]
        summary = ". ".join([f"Runners: {len(rows)}{left_out}", *notes])
        return Reply(answer=Answer(summary, _COLUMNS, rows))

    async def _row(self, name: str, one: DeclaredRunner) -> tuple[str, ...]:
        waiting = await self._depth(one.runner.queue)
        return (
            one.runner.name,
            one.runner.queue,
            one.workers_text,
            "?" if waiting is None else str(waiting),
            "cannot be used" if one.command is None else one.command.usage(),
        )


async def waiting_in(channel: Channel, queue: str) -> int | None:
    """Return how many jobs wait in a work queue, and in that of other programs that is called like
    it; None if that cannot be known now."""
    found: list[int | None] = []
    for each in (work_queue(queue), foreign_queue(queue)):
        try:
            found.append(await channel.depth(each))
        except BatonError:  # no link, or no right to look at it
            found.append(None)
    known = [one for one in found if one is not None]
    return sum(known) if known else None


async def _visible(one: DeclaredRunner, reader: Reader) -> bool:
    return all([await reader.may_look_at(each) for each in one.environments])
