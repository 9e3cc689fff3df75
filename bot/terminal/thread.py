"""The thread of a job on a terminal: what is new in a post, and what is under way. Pure.

A post is edited in Slack; a terminal only goes on. So each post is compared with what was printed
of it before. The end of a server is printed after its output, the end of the job after them all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from baton.messages import State
from bot.front import JobContent, OutputContent, Row
from bot.terminal.lines import SHORT_ID, Line, bar, clean, cut, line, lines, padded, style_of, width

BESIDE = "│ "
"""Stands between a server's name and a line of its output."""


@dataclass(slots=True)
class Said:
    """What was printed of one server's output: how many lines, and whether all."""

    lines: int = 0
    ended: bool = False


@dataclass(slots=True)
class Thread:
    """One job on the terminal."""

    content: JobContent
    said: dict[str, Said] = field(default_factory=dict)
    _begun: bool = False
    _ends: dict[str, tuple[State, str]] = field(default_factory=dict)
    _hint: str = ""
    _end: tuple[str, ...] = ()

    @property
    def over(self) -> bool:
        """Whether its end is printed."""
        return bool(self._end)

    def job_lines(self, content: JobContent) -> list[Line]:
        """What is new in the job's own post."""
        self.content = content
        new = [] if self._begun else [self._head()]
        self._begun = True
        if content.hint and content.hint != self._hint:
            new.append(line(f"  {content.hint}", "warn"))
        self._hint = content.hint
        for row in content.rows:
            said = self.said.get(row.host)
            if row.state.final and (said is None or said.ended):
                new += self._end_of(row.host, row.state, row.text)
        return [*new, *self._end_lines()]

    def missed(self, content: OutputContent) -> tuple[int, int]:
        """The lines of the server's output, from and up to, that `content` no longer holds and that
        were not printed."""
        said = self.said.get(content.host) or Said()
        return said.lines, max(content.hidden, said.lines)

    def output_lines(self, content: OutputContent, between: list[str] | None = None) -> list[Line]:
        """What is new in the post of a server's output.

        `between` are the lines that `missed` names; without them it says how many there are.
        """
        said = self.said.setdefault(content.host, Said())
        first, hidden = self.missed(content)
        told = content.text.split("\n") if content.text else []
        new = told[max(said.lines - content.hidden, 0) :]
        said.lines = max(said.lines, content.hidden + len(told))
        ended = content.state.final and not said.ended
        final = content.headline
        if ended:
            # The last word is part of the output too; it is printed once, as the end.
            last = final.split("\n")
            new = new[: -len(last)] if new[-len(last) :] == last else new
            said.ended = True
        shown: list[Line] = []
        if between is None and hidden > first:
            what = f"… {hidden - first} lines not shown: /log {self.content.job[:SHORT_ID]}"
            shown.append(self._of(content.host, what, "quiet"))
        shown += [self._of(content.host, text) for text in [*(between or ()), *new]]
        if ended:
            shown += self._end_of(content.host, content.state, final)
        return [*shown, *self._end_lines()]

    def live(self, columns: int, most: int) -> list[Line]:
        """How it stands: a line for the job, and a progress bar for each server, in at most `most`
        lines."""
        content = self.content
        head = (("strong", clean(content.title)), ("quiet", f"  {clean(content.summary)}"))
        rows = content.rows[: max(most - 1, 0)]
        if len(rows) < len(content.rows):
            rows = rows[:-1]
        names = max((width(row.host) for row in content.rows), default=0)
        shown = [head, *(_row(row, names) for row in rows)]
        if len(rows) < len(content.rows):
            shown.append(line(f"  and {len(content.rows) - len(rows)} more servers", "quiet"))
        return [cut(row, columns) for row in shown]

    def _head(self) -> Line:
        content = self.content
        did = "scheduled" if content.schedule else "asked"
        named = (
            f"schedule {content.schedule}" if content.schedule else f"job {content.job[:SHORT_ID]}"
        )
        return (
            ("quiet", f"{clean(content.asked_by)} {did}: "),
            ("strong", clean(content.title)),
            ("quiet", f"  ({named})"),
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
            (style_of(state), state.value),
            ("", f": {clean(first)}" if first else ""),
        )
        return [head, *(self._of(host, part) for part in rest)]

    def _end_lines(self) -> list[Line]:
        content = self.content
        if not content.state.final or not all(said.ended for said in self.said.values()):
            return []
        end = (content.state.value, content.summary, *content.lines)
        if end == self._end:
            return []
        self._end = end
        words: Line = (
            (style_of(content.state), content.state.value),
            ("", f": {clean(content.summary)}"),
        )
        if content.schedule:
            words = ((style_of(content.state), clean(content.summary)),)
        return [words, *(row for text in content.lines for row in lines(f"  {text}"))]


def _row(row: Row, names: int) -> Line:
    host = ("host", f"  {padded(clean(row.host), names)}  ")
    text = ("quiet", f"  {clean(row.text.partition(chr(10))[0])}" if row.text else "")
    word = (style_of(row.state), row.state.value)
    if row.state is State.SUCCEEDED:
        return (host, *bar(100), ("", "  "), word, text)
    if row.percent is not None:
        return (host, *bar(row.percent), ("", "  "), word, text)
    return (host, word, text)


def live(threads: Iterable[Thread], columns: int, most: int) -> list[Line]:
    """How all that is under way stands, in at most `most` lines."""
    shown: list[Line] = []
    for thread in threads:
        if len(shown) < most:
            shown += thread.live(columns, most - len(shown))
    return shown
