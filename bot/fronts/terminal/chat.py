"""The chat on a terminal: sends typed commands to the dispatcher and shows its replies. Step 1
of the path (request)."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from baton.bus.messages import Person, State, new_id
from baton.command import Known
from baton.errors import BatonError
from bot.dispatch.protocol import Dispatcher
from bot.dispatch.reply import Reply
from bot.dispatch.suggestions import Values
from bot.dispatch.thread_words import about_job
from bot.fronts.terminal.front import PLACE, Screen, TerminalFront
from bot.fronts.terminal.lines import Line, answer_lines, line, lines
from bot.jobs import short_id
from bot.store import JobWithRuns
from bot.store.jobs.ledger import Ledger

CHECK_INTERVAL = 0.05
"""Seconds between two looks at whether a job is told."""

TERMINAL_COMMANDS = {"quit": "Exit this chat."}
"""What the terminal does by itself."""


@dataclass(frozen=True, slots=True)
class LineResult:
    """The result of one typed line: whether it succeeded, the job that it started, and whether
    to exit."""

    ok: bool = True
    job: str = ""
    leave: bool = False


def current_user() -> Person:
    """Return the user who sits at the terminal."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "you"
    return Person(id=name, name=name)


async def _no_groups() -> frozenset[str]:
    return frozenset()


class TerminalChat:
    """A conversation with the dispatcher on one screen. `refs` returns the versions to suggest."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        front: TerminalFront,
        ledger: Ledger,
        known: Known,
        *,
        welcome: Sequence[Line] = (),
        refs: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self.dispatcher = dispatcher
        self.front = front
        self._ledger = ledger
        self._known = known
        self.welcome = welcome
        self.jobs: list[str] = []
        """Jobs that were begun here, the latest last."""
        self._asker = current_user()
        self._refs = refs

    @property
    def screen(self) -> Screen:
        """The screen that shows the conversation."""
        assert self.front.screen is not None
        return self.front.screen

    @property
    def values(self) -> Values:
        """The values to suggest for each field."""
        servers = self._known.servers
        return {
            "environment": lambda: sorted({seen.facts.environment for seen in servers()}),
            "app": lambda: sorted({app for seen in servers() for app in seen.facts.apps}),
            "host": lambda: [seen.facts.host for seen in servers()],
            "ref": self._refs,
            "job": lambda: [short_id(job) for job in reversed(self.jobs)],
            "command": lambda: sorted(self.dispatcher.commands),
        }

    async def run_line(self, text: str) -> LineResult:
        """Run the command in `text`, and show the reply."""
        words = text.split(maxsplit=1)
        if words and words[0] == "/baton":
            text = words[1] if len(words) > 1 else "help"
        name = text.strip().removeprefix("/").lower()
        if not name:
            return LineResult()
        if name in ("quit", "exit"):
            return LineResult(leave=True)
        key, text = (
            new_id(),
            about_job(text, self.jobs[-1] if self.jobs else "", self.dispatcher.commands),
        )
        reply = await self.dispatcher.ask(
            text, asker=self._asker, groups=_no_groups, place=PLACE, key=key
        )
        self.screen.show(_reply_lines(reply, name))
        if reply.job and await self._began(reply.job, key):
            self.jobs.append(reply.job)
            return LineResult(reply.ok, reply.job)
        return LineResult(reply.ok)

    async def cancel(self, job: str) -> None:
        """Ask the servers to stop `job`."""
        reply = await self.dispatcher.cancel(job, asker=self._asker, groups=_no_groups, place=PLACE)
        self.screen.show(_reply_lines(reply, "cancel"))

    async def succeeded(self, job: str) -> bool:
        """Wait until `job` has ended and all of it was shown. Return whether it succeeded on
        every server."""
        while True:
            found = await self._found(job)
            if found is not None and found[0].reported:
                return all(run.state is State.SUCCEEDED for run in found[1])
            await asyncio.sleep(CHECK_INTERVAL)

    async def _began(self, job: str, key: str) -> bool:
        found = await self._found(job)
        return found is not None and found[0].key == key

    async def _found(self, job: str) -> JobWithRuns | None:
        try:
            return await self._ledger.job(job)
        except BatonError as error:
            self.screen.show([line(str(error), "bad")])
            await asyncio.sleep(1)
            return None

    async def output(self, job: str, host: str) -> Sequence[str]:
        """Return every line of output of `host` in `job`."""
        pieces = await self._ledger.output(job, host)
        return [row for piece in pieces for row in piece.text.split("\n")]


def _reply_lines(reply: Reply, asked: str) -> list[Line]:
    shown = lines(reply.text, "" if reply.ok else "bad") if reply.text else []
    if asked == "help":
        shown += [
            line(text)
            for name, what in TERMINAL_COMMANDS.items()
            for text in (f"/{name}", f"    {what}")
        ]
    if reply.answer is not None:
        shown += answer_lines(reply.answer)
    return shown
