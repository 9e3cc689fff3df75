"""A runner does the jobs of its queues: a processor, with a limit of time, whose results are looked
at and whose errors read as one line."""

from __future__ import annotations

import asyncio
import traceback
from pathlib import Path

import structlog

from baton.errors import BatonError, Blocked, Failed, Refused
from baton.outcome import duration, named
from baton.worker.artifacts import Artifacts, size_of
from baton.worker.processors import child
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
        except (Failed, Refused, Blocked) as error:
            raise type(error)(_line(str(error))) from error
        except TimeoutError as error:
            if limit.expired():
                raise Failed(self._overran()) from error
            raise self._failure(work, output, error) from error
        except Exception as error:
            raise self._failure(work, output, error) from error
        _list(artifacts, output)
        return Outcome(_line(result.text) or _summary(artifacts), artifacts)

    def _overran(self) -> str:
        allowed = duration(self.settings.timeout)
        return f"it exceeded its time limit of {allowed} (timeout of runner {self.name})"

    def _failure(self, work: Work, output: Output, error: Exception) -> Failed:
        """Return the line of what a processor raised; the trace goes to the output."""
        if isinstance(error, BatonError):
            return Failed(_line(str(error)))
        output.log("".join(traceback.format_exception(_outside(error))).rstrip())
        log.warning("a runner failed", runner=self.name, job=work.id, error=repr(error)[:300])
        return Failed(_line(child.said_by(error)))


def _outside(error: Exception) -> Exception:
    """Return `error` without the frames of Baton that led to the code that raised it."""
    trace = error.__traceback__
    ours = str(Path(__file__).parent)
    while trace and trace.tb_next and trace.tb_frame.f_code.co_filename.startswith(ours):
        trace = trace.tb_next
    return error.with_traceback(trace)


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_REASON else f"{line[: _LONGEST_REASON - 1]}…"


def _list(artifacts: tuple[Artifact, ...], output: Output) -> None:
    lines = [
        f"artifact {one.link} ({size_of(one)}, sha256 {one.sha256})"
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
        return f"made {artifacts[0].link} ({size_of(artifacts[0])})"
    names = named([Path(one.path).name for one in artifacts], 5)
    return f"made {len(artifacts)} files: {names}"
