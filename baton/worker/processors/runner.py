"""A runner does the jobs of its queues: a processor, with a limit of time, whose results are looked
at and whose errors read as one line."""

from __future__ import annotations

import asyncio
import traceback
from pathlib import Path

import structlog

from baton.errors import BatonError, Blocked, Failed, Refused
from baton.outcome import duration, named, size_of
from baton.process.output_lines import OutputLines
from baton.text.printable import printable
from baton.worker.artifacts import Artifacts
from baton.worker.processors import child
from baton.worker.processors.launching import secrets_of
from baton.worker.processors.protocol import Output, Processor
from baton.worker.settings import RunnerSettings
from baton.worker.work import Artifact, Outcome, Result, Work

log = structlog.get_logger(__name__)

_LONGEST_REASON = 1_000
_MOST_LISTED = 100
"""Artifacts that are listed in the output, at most."""


class Runner:
    """A runner is `[runner.NAME]` of the configuration, ready to do jobs."""

    def __init__(self, name: str, settings: RunnerSettings, processor: Processor) -> None:
        self.name = name
        self.settings = settings
        self._processor = processor
        self._artifacts = Artifacts.of(settings)
        self._secrets = secrets_of(settings)

    async def run(self, work: Work, output: Output) -> Outcome:
        """Do `work` within the time limit of the runner, and look at what it made.

        Raises Failed, Refused or Blocked with a reason of one line, and nothing else but
        CancelledError: what a processor raises besides is a failure whose trace is in the output.
        """
        limit = asyncio.timeout(self.settings.timeout)
        try:
            async with limit:
                result = await self._processor.run(work, output)
                if not isinstance(result, Result):
                    raise TypeError(f"its processor returned {type(result).__name__}, no Result")
                artifacts = await self._artifacts.look(result.artifacts)
        except (Exception, SystemExit) as error:
            if limit.expired() and isinstance(error, TimeoutError):
                allowed = duration(self.settings.timeout)
                text = f"it exceeded its time limit of {allowed} (timeout of runner {self.name})"
                raise Failed(text) from error
            raise self._end(work, output, error) from error
        _list(artifacts, output)
        return Outcome(self._line(result.text) or _summary(artifacts), artifacts)

    def _end(self, work: Work, output: Output, error: BaseException) -> BatonError:
        """Return how a job ended whose processor raised `error`. The trace of what it did not raise
        on purpose goes to the output."""
        if isinstance(error, BatonError):
            kind = next((one for one in (Blocked, Refused) if isinstance(error, one)), Failed)
            return kind(self._line(str(error)) or f"the runner {self.name} gave no reason")
        if isinstance(error, SystemExit):
            return Failed(f"it called sys.exit({error.code}), and returned nothing")
        lines = OutputLines(self._secrets)
        text = "".join(traceback.format_exception(_outside(error)))
        output.log("\n".join(lines.feed(text.encode("utf-8", "replace"))))
        log.warning("a runner failed", runner=self.name, job=work.id, error=type(error).__name__)
        return Failed(self._line(child.said_by(error)))

    def _line(self, text: str) -> str:
        """Return `text` as one line that may be shown."""
        line = printable(self._secrets.mask(" ".join(text.split())))
        return line if len(line) <= _LONGEST_REASON else f"{line[: _LONGEST_REASON - 1]}…"


def _outside(error: BaseException) -> BaseException:
    """Return `error` without the frames of Baton that led to the code that raised it."""
    trace = error.__traceback__
    ours = str(Path(__file__).parent)
    while trace and trace.tb_next and trace.tb_frame.f_code.co_filename.startswith(ours):
        trace = trace.tb_next
    return error.with_traceback(trace)


def _list(artifacts: tuple[Artifact, ...], output: Output) -> None:
    lines = [
        f"artifact {one.link} ({size_of(one.size)}, sha256 {one.sha256})"
        for one in artifacts[:_MOST_LISTED]
    ]
    if len(artifacts) > _MOST_LISTED:
        lines.append(f"and {len(artifacts) - _MOST_LISTED} more artifacts")
    if lines:
        output.log("\n".join(lines))


def _summary(artifacts: tuple[Artifact, ...]) -> str:
    if not artifacts:
        return ""
    if len(artifacts) == 1:
        return f"made {artifacts[0].link} ({size_of(artifacts[0].size)})"
    names = named([Path(one.path).name for one in artifacts], 5)
    return f"made {len(artifacts)} files: {names}"
