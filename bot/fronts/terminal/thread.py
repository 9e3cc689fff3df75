"""The thread of a job on a terminal: new lines of a post, and running jobs. Pure.

A post is edited in Slack, but a terminal only appends lines. So each post is compared with what was
printed before. The result of a server is printed after its output, and the result of the job after
all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from baton.bus.messages import State
from bot.content import FLEET, FleetContent, Group, JobContent, OutputContent, Row
from bot.fronts.terminal.lines import (
    Line,
    bar,
    clean,
    cut,
    line,
    lines,
    padded,
    state_of,
    style_of,
    text_of,
    width,
)
from bot.jobs import short_id

BESIDE = "│ "
"""Stands between a server's name and a line of its output."""


@dataclass(slots=True)
class PrintedOutput:
    """What was printed of the output of one server: the number of lines, and whether it has
    ended."""

    lines: int = 0
    ended: bool = False


@dataclass(slots=True)
class JobThread:
    """The thread of one job on the terminal."""

    content: JobContent
    said: dict[str, PrintedOutput] = field(default_factory=dict)
    _begun: bool = False
    _ends: dict[str, tuple[State, str]] = field(default_factory=dict)
    _hint: str = ""
    _end: tuple[str, ...] = ()
    _groups: set[Group] = field(default_factory=set)

    @property
    def over(self) -> bool:
        """Whether the result of the job was printed."""
        return bool(self._end)

    def job_lines(self, content: JobContent) -> list[Line]:
        """Return what is new in the post of the job."""
        self.content = content
        new = [] if self._begun else [self._head()]
        self._begun = True
        if content.hint and content.hint != self._hint:
            new.append(line(f"  {content.hint}", "warn"))
        self._hint = content.hint
        for row in content.rows:
            if row.state.final and self._ended(row.host):
                new += self._end_of(row.host, row.state, row.text)
        return [*new, *self._end_lines()]

    def missed(self, content: OutputContent) -> tuple[int, int]:
        """Return the range of lines (from, up to) that `content` no longer holds and that were
        not printed."""
        said = self.said.get(content.host) or PrintedOutput()
        return said.lines, max(content.hidden, said.lines)

    def output_lines(self, content: OutputContent, between: list[str] | None = None) -> list[Line]:
        """Return what is new in the output of a server.

        `between` are the lines of the range of `missed`; without them, one line says how many there
        are.
        """
        said = self.said.setdefault(content.host, PrintedOutput())
        first, hidden = self.missed(content)
        told = content.text.split("\n") if content.text else []
        new = told[max(said.lines - content.hidden, 0) :]
        said.lines = max(said.lines, content.hidden + len(told))
        ended = content.state.final and not said.ended
        said.ended = said.ended or ended
        shown: list[Line] = []
        if between is None and hidden > first:
            what = f"… {hidden - first} lines not shown: /log {short_id(self.content.job)}"
            shown.append(self._of(content.host, what, "quiet"))
        shown += [self._of(content.host, text) for text in [*(between or ()), *new]]
        if ended:
            shown += self._end_of(content.host, content.state, content.headline)
        return [*shown, *self._end_lines()]

    def live(self, columns: int, most: int) -> list[Line]:
        """Return the current state of the job: a line for the job and a progress bar for each
        server, in at most `most` lines."""
        content = self.content
        head = (
            *_state(content),
            ("strong", f"  {clean(content.title)}"),
            ("quiet", f"  {clean(content.summary)}"),
        )
        page = f"  {content.page}" if content.page else ""
        if width(text_of(head)) + width(page) <= columns:
            # half an address leads nowhere
            head = (*head, ("quiet", page))
        rows = content.rows[: max(most - 1, 0)]
        if len(rows) < len(content.rows):
            rows = rows[:-1]
        names = max((width(row.host) for row in content.rows), default=0)
        shown = [head, *(_row(row, names) for row in rows)]
        if len(rows) < len(content.rows):
            shown.append(line(f"  and {len(content.rows) - len(rows)} more servers", "quiet"))
        return [cut(row, columns) for row in shown]

    def fleet_lines(self, content: FleetContent) -> list[Line]:
        """Return the groups that are new in the post about many servers."""
        shown: list[Line] = []
        for group in content.groups:
            if group in self._groups:
                continue
            self._groups.add(group)
            shown.append(
                (
                    (style_of(group.state), f"  {state_of(group.state)[:1]} "),
                    ("", clean(group.headline)),
                    ("quiet", f"  ({clean(group.servers)})"),
                )
            )
            shown += [self._of(group.host, text) for text in group.text.split("\n") if group.text]
        if content.state.final:
            shown += [line(f"  {content.rest}", "quiet")] if content.rest else []
            self.said[FLEET] = PrintedOutput(ended=True)
        return [*shown, *self._end_lines()]

    def _ended(self, host: str) -> bool:
        """Return whether no more output of `host` will come."""
        said = self.said.get(host)
        return host not in self.content.shown_in_thread if said is None else said.ended

    def _head(self) -> Line:
        content = self.content
        did = "scheduled" if content.schedule else "ran"
        return (
            *_state(content),
            ("quiet", f"  {clean(content.asked_by)} {did}: "),
            ("strong", clean(content.title)),
        )

    def _of(self, host: str, text: str, style: str = "") -> Line:
        names = max((width(row.host) for row in self.content.rows), default=0)
        return (
            ("host", f"  {padded(clean(host), names)} "),
            ("quiet", BESIDE),
            (style, clean(text)),
        )

    def _end_of(self, host: str, state: State, text: str) -> list[Line]:
        if self._ends.get(host) == (state, text):
            return []
        self._ends[host] = (state, text)
        names = max((width(row.host) for row in self.content.rows), default=0)
        first, *rest = text.split("\n")
        head: Line = (
            ("host", f"  {padded(clean(host), names)} "),
            (style_of(state), state_of(state)),
            ("", f": {clean(first)}" if first else ""),
        )
        return [head, *(self._of(host, part) for part in rest)]

    def _end_lines(self) -> list[Line]:
        content = self.content
        if not content.state.final or not all(
            map(self._ended, {*self.said, *content.shown_in_thread})
        ):
            return []
        end = (content.state.value, content.summary, *content.lines)
        if end == self._end:
            return []
        self._end = end
        words: Line = (*_state(content), ("", f"  {clean(content.summary)}"))
        return [words, *(row for text in content.lines for row in lines(f"  {text}"))]


def _state(content: JobContent) -> Line:
    """Return the state and the id of the job, or of the schedule of that day."""
    if content.schedule:
        return (
            (style_of(content.state), state_of(content.state)[:1]),
            ("quiet", f" {content.schedule}"),
        )
    return (
        (style_of(content.state), state_of(content.state)),
        ("quiet", f" {short_id(content.job)}"),
    )


def _row(row: Row, names: int) -> Line:
    host = ("host", f"  {padded(clean(row.host), names)}  ")
    text = ("quiet", f"  {clean(row.text.partition(chr(10))[0])}" if row.text else "")
    word = (style_of(row.state), state_of(row.state))
    if row.state is State.SUCCEEDED:
        return (host, *bar(100), ("", "  "), word, text)
    if row.percent is not None:
        return (host, *bar(row.percent), ("", "  "), word, text)
    return (host, word, text)


def live(threads: Iterable[JobThread], columns: int, most: int) -> list[Line]:
    """Return the current state of all running jobs, in at most `most` lines."""
    shown: list[Line] = []
    for thread in threads:
        if len(shown) < most:
            shown += thread.live(columns, most - len(shown))
    return shown
