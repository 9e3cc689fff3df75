"""Frames: what is new of a job, as bytes that all its clients are sent.

A frame is rendered at most once for the API, with the text of lines without colours, and once for
pages, in spans of a class each. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from pydantic import JsonValue
from pydantic_core import to_json

from baton.bus.messages import State
from baton.text.printable import printable
from bot.jobs import Job, RunRecord
from bot.store.jobs.news import News, OutputPiece, Position
from bot.store.output.log_lines import LogLine
from bot.web.console.ansi import plain, spans
from bot.web.console.api.job_models import JobShown, RunShown, job_fields, state_of

MOST_BYTES = 65_536
"""Bytes of a frame, about; a single piece of output is never divided."""
FIRST_BYTES = 4_096
"""Bytes of the first frame of a connection, about, and each next one may have twice as many. So who
is cut off early each time still gets on."""
MOST_RUNS = 150
"""Runs in a frame, at most."""
_OF_A_LINE = 150
"""Bytes of a line without its text, about."""


class Rendering(Enum):
    """How the lines of a frame are shown: as plain text to programs, in spans to pages."""

    API = "api"
    PAGE = "page"


@dataclass(frozen=True)
class Frame:
    """What is new of `job` after the position `begin`, up to `end`, which is its id.

    `event` is `news`, or `resync` to who has to read the lines of the job again.
    """

    begin: Position
    end: Position
    job: Job
    state: State
    runs: Sequence[RunRecord] = ()
    pieces: Sequence[OutputPiece] = ()
    event: str = "news"
    _rendered: dict[Rendering, bytes] = field(default_factory=dict, compare=False, repr=False)

    @property
    def size(self) -> int:
        """About how many bytes it has."""
        return 1_000 + 400 * len(self.runs) + self.output_size

    @property
    def output_size(self) -> int:
        """About how many bytes of output it has."""
        return sum(map(_size, self.pieces))

    def rendered(self, rendering: Rendering) -> bytes:
        """Return it as a server-sent event. It is rendered when it is first asked for."""
        found = self._rendered.get(rendering)
        if found is None:
            content = self._for_api() if rendering is Rendering.API else self._for_pages()
            revision = {"revision": self.end.revision}
            found = sse(self.event, to_json({**revision, **content}), self.end)
            self._rendered[rendering] = found
        return found

    def _for_api(self) -> dict[str, Any]:
        return {
            "job": JobShown(**job_fields(self.job, self.state)),
            "runs": [RunShown.of(run) for run in self.runs],
            "lines": [line for piece in self.pieces for line in _lines(piece, _plain_text)],
        }

    def _for_pages(self) -> dict[str, Any]:
        return {
            "job": job_json(self.job),
            "runs": [run_json(run) for run in self.runs],
            "lines": [line for piece in self.pieces for line in _lines(piece, _in_spans)],
        }


def sse(event: str, data: bytes, id: Position | None = None) -> bytes:
    """Return a server-sent event. `data` is one line, as JSON is."""
    head = f"id: {id}\n" if id is not None else ""
    return b"".join((f"{head}event: {event}\ndata: ".encode(), data, b"\n\n"))


def frames(
    begin: Position, news: News, changed: Sequence[RunRecord], event: str = "news"
) -> list[Frame]:
    """Return `news` after the position `begin` in frames of MOST_BYTES. `changed` are the runs that
    have changed; they and the end of the revision come once all output is there, as `event`."""
    state = state_of(news.job, news.runs)
    made = [*lines_only(begin, news.job, state, news.pieces)]
    if news.more:
        return made
    if made and len(changed) <= MOST_RUNS and event == made[-1].event:
        end = Position(news.job.revision)
        return [*made[:-1], replace(made[-1], end=end, runs=changed, _rendered={})]
    return made + state_frames(made[-1].end if made else begin, news.job, state, changed, event)


def lines_only(
    begin: Position,
    job: Job,
    state: State,
    pieces: Iterable[OutputPiece],
    *,
    first: bool = False,
) -> Iterator[Frame]:
    """Yield the output after `begin` in frames, which are small at first if they are the `first` of
    a connection. Each ends at a part of a revision: who stops there has the lines, and not all that
    is true of the runs."""
    most = min(FIRST_BYTES, MOST_BYTES) if first else MOST_BYTES
    taken: list[OutputPiece] = []
    size = 0
    for piece in pieces:
        more = _size(piece)
        if taken and size + more > most:
            yield Frame(begin, taken[-1].after, job, state, pieces=tuple(taken))
            begin, taken, size = taken[-1].after, [], 0
            most = min(2 * most, MOST_BYTES)
        taken.append(piece)
        size += more
    if taken:
        yield Frame(begin, taken[-1].after, job, state, pieces=tuple(taken))


def state_frames(
    begin: Position, job: Job, state: State, runs: Sequence[RunRecord], event: str = "news"
) -> list[Frame]:
    """Return how `job`, which is in `state`, and `runs` are at its revision, for who has the lines
    up to there."""
    end = Position(job.revision)
    # who has only some of the runs stands at a part, so that all of them are sent again
    within = begin.revision == end.revision and not begin.whole
    between = Position(end.revision, begin.part if within else 0)
    made: list[Frame] = []
    for at in range(0, max(len(runs), 1), MOST_RUNS):
        last = at + MOST_RUNS >= len(runs)
        some = runs[at : at + MOST_RUNS]
        made.append(Frame(begin, end if last else between, job, state, some, event=event))
        begin, event = between, "news"
    return made


def job_json(job: Job) -> dict[str, JsonValue]:
    """Return what pages read of `job`: the rest is on them already, and does not change."""
    cancelled = job.cancelled_by
    return {
        "closed": iso(job.closed),
        "cancelled_by": printable(cancelled.label) if cancelled else None,
        "hold": hold_mark(job),
    }


def hold_mark(job: Job) -> str:
    """Return what changes when what people read of a hold does: the page asks for that then."""
    if job.hold is None:
        return ""
    opened, signed = job.hold.opened is not None, len(job.hold.signatures)
    mark = f"{job.plan_digest[-8:]} {len(job.votes)} {signed} {opened}"
    mark = f"{mark} {job.hold.waits} {job.hold.beside}"
    rollout = job.hold.rollout
    if rollout is None:
        return mark
    said = (rollout.wave, rollout.paused, rollout.asked, len(rollout.skipped), rollout.over)
    last = max(rollout.waves.values(), default=0)
    return f"{mark} {said} {rollout.stopped} {rollout.undone_by} {last}"


def run_json(run: RunRecord) -> dict[str, JsonValue]:
    """Return `run` as pages read it."""
    return {
        "host": run.host,
        "attempt": run.attempt,
        "state": run.state.value,
        "step": printable(run.step),
        "percent": run.percent,
        "text": plain(run.text),
        "late": run.late.value if run.late else None,
        "sent": iso(run.sent),
        "started": iso(run.started),
        "finished": iso(run.finished),
    }


def iso(at: datetime | None) -> str | None:
    """Return a time in UTC to the millisecond, as ISO 8601 has it."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds")


_Show = Callable[[str], tuple[str, JsonValue]]


def _plain_text(line: str) -> tuple[str, JsonValue]:
    return "text", plain(line)


def _in_spans(line: str) -> tuple[str, JsonValue]:
    shown: list[JsonValue] = [list[JsonValue](span) for span in spans(line)[0]]
    return "spans", shown


def _lines(piece: OutputPiece, show: _Show) -> Iterator[dict[str, JsonValue]]:
    time, step = iso(piece.time), printable(piece.step)
    for number, text in enumerate(piece.text.split("\n"), piece.first):
        yield _line(piece, number, time, step, *show(text))


def line_json(line: LogLine) -> dict[str, JsonValue]:
    """Return `line` as pages read it, in spans: as it is in a frame."""
    return _line(line, line.number, iso(line.time), printable(line.step), *_in_spans(line.text))


def _line(
    of: OutputPiece | LogLine, number: int, time: str | None, step: str, name: str, shown: JsonValue
) -> dict[str, JsonValue]:
    return {
        "host": of.host,
        "attempt": of.attempt,
        "line": number,
        "time": time,
        "level": of.level,
        "step": step,
        name: shown,
    }


def _size(piece: OutputPiece) -> int:
    lines = piece.text.count("\n") + 1
    return len(to_json(piece.text)) + lines * (_OF_A_LINE + len(piece.host) + len(piece.step))
