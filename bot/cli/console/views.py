"""What is shown of a job while it is watched, where no terminal is: lines for people, or JSON."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence

from typing_extensions import override

from baton.client.models import Ending, Frame, Job, Run
from bot.cli.console.session import say, show, show_json
from bot.jobs import short_id

ENDED = {
    Ending.SUCCEEDED: "succeeded",
    Ending.FAILED: "did not succeed",
    Ending.CANCELLED: "was cancelled",
    Ending.UNKNOWN: "ended, and it is not known how",
}


class WaveNews:
    """Says what is new of a job that goes in waves: how far it is, and what it waits for once none
    of its servers runs."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._waits = ""
        self._running: set[str] = set()

    def of(self, frame: Frame) -> list[str]:
        """Return the lines about `frame` that have not been told yet."""
        for run in frame.runs:
            on_its_way = run.state != "held" and not run.final
            (self._running.add if on_its_way else self._running.discard)(run.host)
        job = frame.job
        if job is None:
            return []
        waits = "" if self._running and not job.asks else job.waits
        new = [line for line in job.progress if line not in self._told]
        self._told.update(new)
        if waits and waits != self._waits:
            new.append(f"It waits: {waits.rstrip('.')}.")
            if job.asks:
                new.append(f"To answer: baton rollout {short_id(job.id)} go-on (or back, or skip)")
        self._waits = waits
        return new

    def at_the_end(self, job: Job) -> list[str]:
        """Return what is left to tell of a job that has ended."""
        return [line for line in job.progress if line not in self._told]


class View(ABC):
    """Shows a job that is watched. Use it with `with`."""

    def __enter__(self) -> View:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""
        return None

    @abstractmethod
    def show(self, frame: Frame) -> None:
        """Show what is new."""

    @abstractmethod
    def end(self, job: Job) -> None:
        """Show how the job ended."""


class JsonView(View):
    """A line of JSON for each frame, and one for the end. With `host` it has the output of that
    server alone."""

    def __init__(self, host: str = "") -> None:
        self._host = host

    @override
    def show(self, frame: Frame) -> None:
        if self._host:
            lines = tuple(line for line in frame.lines if line.host == self._host)
            frame = frame.model_copy(update={"lines": lines})
        show_json({"event": "news", **frame.model_dump(mode="json")})

    @override
    def end(self, job: Job) -> None:
        ending = job.ending or Ending.UNKNOWN
        show_json({"event": "end", "outcome": ending, "job": job.model_dump(mode="json")})


class PlainView(View):
    """A line for each line of output, and for each change of a server's state. With `host` it is
    the output of that server alone, as it is."""

    def __init__(self, host: str = "") -> None:
        self._host = host
        self._states: dict[str, str] = {}
        self._waves = WaveNews()

    @override
    def show(self, frame: Frame) -> None:
        for line in frame.lines:
            if not self._host:
                show(f"{line.host} | {line.text}")
            elif line.host == self._host:
                show(line.text)
        for run in frame.runs:
            if self._states.get(run.host) != run.state:
                self._states[run.host] = run.state
                if not self._host:
                    show(f"{run.host} {state_of(run)}")
        self._tell(self._waves.of(frame))

    @override
    def end(self, job: Job) -> None:
        self._tell([*self._waves.at_the_end(job), summary(job)])

    def _tell(self, lines: Sequence[str]) -> None:
        """Show what is no output: beside the output of one server, where errors are."""
        for line in lines:
            (say if self._host else show)(line)


def state_of(run: Run) -> str:
    """Return the state of a server, and why it ended so."""
    return f"{run.state}: {run.text}" if run.final and run.text else run.state


def summary(job: Job) -> str:
    """Return one sentence that says how a job ended."""
    counts = Counter(run.state for run in job.runs)
    good = counts.pop("succeeded", 0)
    bad = "".join(f", {count} {state}" for state, count in sorted(counts.items()))
    how = ENDED[job.ending or Ending.UNKNOWN]
    result = job.summary or f"{good} of {len(job.runs)} succeeded{bad}"
    return f"Job {short_id(job.id)} ({job.title}) {how}: {result.rstrip('.')}."
