"""TerminalFront: shows posts as lines on a terminal. Step 5 of the path ends here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog
from typing_extensions import override

from alerts import AlertContent
from baton.errors import BatonError
from bot.content import FleetContent, JobContent, NoticeContent, OutputContent, Post
from bot.fronts.protocol import Front, Limits
from bot.fronts.terminal.alerts import alert_lines
from bot.fronts.terminal.lines import Line, lines, style_of
from bot.fronts.terminal.thread import JobThread
from bot.jobs import Place

log = structlog.get_logger(__name__)

LIMITS = Limits(post_every=0.001, post_burst=1000, edits_per_minute=60_000, edit_every=0.1)

PLACE = Place("terminal", "terminal", name="terminal")
"""There is one terminal, and it has no threads."""

ReadOutput = Callable[[str, str], Awaitable[Sequence[str]]]
"""Job and host -> every line of the host's output so far."""


class Screen(Protocol):
    """Something that shows lines."""

    def show(self, new: Sequence[Line]) -> None:
        """Print `new`, and redraw the running jobs."""


class TerminalFront(Front):
    """The front end of a terminal.

    `whole` returns lines that were written faster than posts are edited; without it, such lines are
    only counted.
    """

    name = "terminal"
    limits = LIMITS

    def __init__(self, screen: Screen | None = None, whole: ReadOutput | None = None) -> None:
        self.screen = screen
        self.whole = whole
        self._threads: dict[str, JobThread] = {}
        self._shown: set[str] = set()
        self._alerts: dict[str, AlertContent] = {}

    @property
    def open(self) -> list[JobThread]:
        """The threads of jobs that have not ended."""
        return [thread for thread in self._threads.values() if not thread.over]

    @override
    async def post(self, place: Place, post: Post, *, thread: str) -> str:
        """Print `post`. Its ref is its key."""
        self._shown.add(post.key)
        await self._print(post)
        return post.key

    @override
    async def edit(self, place: Place, ref: str, post: Post) -> None:
        """Print what is new in `post`."""
        await self._print(post)

    @override
    async def pin(self, place: Place, ref: str) -> None:
        """Do nothing: a terminal has no pinned posts."""

    @override
    async def find(self, place: Place, key: str, *, thread: str, since: float) -> str | None:
        """Return the post if it was printed here."""
        return key if key in self._shown else None

    @override
    async def upload_file(self, place: Place, thread: str, name: str, text: str) -> None:
        """Print `text` whole."""
        self._show([*lines(f"{name}:", "strong"), *lines(text)])

    @override
    async def send_ephemeral(self, place: Place, person: str, text: str) -> None:
        """Print `text`: the terminal has only one reader."""
        self._show(lines(text, "warn"))

    async def _print(self, post: Post) -> None:
        content = post.content
        if isinstance(content, JobContent):
            self._show(self._thread(content).job_lines(content))
        elif isinstance(content, OutputContent):
            self._show(await self._output(content))
        elif isinstance(content, AlertContent):
            self._alert(post.key, content, apart=bool(post.parent) and not post.broadcast)
        elif isinstance(content, FleetContent):
            if thread := self._threads.get(content.job):
                self._show(thread.fleet_lines(content))
        elif isinstance(content, NoticeContent) and not post.broadcast:
            # What is broadcast is in the thread already, and here there is no other channel.
            self._show(lines(content.text, style_of(content.state)))

    def _alert(self, key: str, content: AlertContent, *, apart: bool) -> None:
        """What stands in a thread beside an alert is its history, all of which was printed when it
        happened."""
        if not apart:
            self._show(alert_lines(content, self._alerts.get(key)))
            self._alerts[key] = content

    def _thread(self, content: JobContent) -> JobThread:
        thread = self._threads.setdefault(content.job, JobThread(content))
        over = [job for job, known in self._threads.items() if known.over and known is not thread]
        for job in over[:-50]:
            del self._threads[job]
        return thread

    async def _output(self, content: OutputContent) -> list[Line]:
        thread = self._threads.get(content.job)
        if thread is None:
            return []
        first, hidden = thread.missed(content)
        between: list[str] | None = None
        if hidden > first and self.whole is not None:
            try:
                between = list((await self.whole(content.job, content.host))[first:hidden])
            except BatonError as error:
                log.warning("output not read", job=content.job, error=str(error))
        return thread.output_lines(content, between)

    def _show(self, new: Sequence[Line]) -> None:
        if self.screen is not None:
            self.screen.show(new)
