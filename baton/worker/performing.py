"""A job is performed: its runner works, and what it reports goes where the job came from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import structlog
from pydantic import JsonValue
from typing_extensions import override

from baton.agent.verdicts import STOPPED, Verdict, lateness, verdict_of
from baton.bus.exchanges import work_key
from baton.bus.messages import WORKER, State, Update
from baton.declared import is_command_of
from baton.errors import BatonError, Blocked, UsageError
from baton.observer import Observer
from baton.run import Run
from baton.worker.incoming import Incoming
from baton.worker.processors.protocol import Output
from baton.worker.settings import RunnerSettings
from baton.worker.work import Outcome, Work

log = structlog.get_logger(__name__)

WORKER_RESTARTED = Verdict(
    State.INTERRUPTED,
    "the worker was restarted during the job; check what it had done before you run it again",
)
LOST_BY_JOURNAL = Verdict(
    State.INTERRUPTED,
    "it had not begun, and the journal of this worker was moved away meanwhile: ask for it again",
)
NOT_SERVED = Verdict(
    State.INTERRUPTED,
    "it had not begun, and its worker does not serve that queue any more",
)


class Runner(Protocol):
    """What does the jobs of a queue."""

    @property
    def name(self) -> str:
        """Its name in the settings."""

    @property
    def settings(self) -> RunnerSettings:
        """Its settings."""

    async def run(self, work: Work, output: Output) -> Outcome:
        """Do `work`. Raises Failed, Refused or Blocked with the reason; when cancelled it ends what
        it began, and lets CancelledError pass."""


@dataclass(frozen=True, slots=True)
class Waits:
    """What became of a job that waits for something: the reason."""

    reason: str


class RunOutput(Output):
    """What a runner reports becomes updates of its run."""

    def __init__(self, run: Run[Any]) -> None:
        self._run = run

    @override
    def log(self, text: str, step: str = "") -> None:
        self._run.notify_log(text, step=step)

    @override
    def info(self, text: str, *, step: str = "", percent: int | None = None) -> None:
        self._run.notify_info(text, step=step, percent=percent)


def run_of(job: Incoming, worker: str, observers: tuple[Observer, ...]) -> Run[Any]:
    """Return the run of `job` on `worker`."""
    attributes: dict[str, JsonValue] = {WORKER: worker}
    return Run(
        job.request,
        None,  # its runner reads the arguments, no consumer a command
        host=job.request.host or "",
        source=worker,
        sequence=job.sequence,
        observers=observers,
        attributes=attributes,
    )


def work_of(job: Incoming, runner: Runner) -> Work:
    """Return `job` as its runner sees it. Raises UsageError for arguments that it does not take."""
    arguments = runner.settings.accept(job.request.arguments) if job.ours else {}
    return Work(job.job, job.attempt, job.queue, runner.name, arguments, job.build)


def planned(
    job: Incoming,
    runner: Runner,
    environment: str,
    expires: float | None,
    at: datetime,
    doubt: str = "",
) -> Work | Verdict:
    """Return the work of `job` for `runner` in `environment`, or how it ends without having begun.

    `expires` and `at` as in `lateness`; `doubt` is why it is not believed, or not allowed.
    Pure.
    """
    if doubt:
        return Verdict(State.REFUSED, doubt)
    request = job.request
    if job.ours:
        if request.host != work_key(job.queue) or not is_command_of(request.command, runner.name):
            text = f"the queue {job.queue} is for the runner {runner.name}, not for"
            return Verdict(State.REFUSED, f"{text} {request.command} on {request.host}")
        if request.environment != environment:
            text = f"it is meant for {request.environment}, but this worker is in {environment}"
            return Verdict(State.REFUSED, text)
        late = lateness(request.deadline, expires=expires, at=at)
        if late and not job.look:
            return Verdict(State.EXPIRED, late)
    try:
        return work_of(job, runner)
    except UsageError as error:
        return Verdict(State.REFUSED, error.problem)


async def perform(
    runner: Runner, work: Work, run: Run[Any], asked: Callable[[], Verdict | None]
) -> Update | Waits:
    """Have `runner` do `work`; return the closing message of `run`, or what it waits for.

    `asked` says whether the run was asked to end, and how; whoever asked then cancels the task. The
    cancellation ends here, so that nothing prevents the end from being recorded.
    """
    error: BaseException | None = None
    outcome = Outcome()
    if asked() is None:
        try:
            outcome = await runner.run(work, RunOutput(run))
        except (Exception, asyncio.CancelledError, SystemExit) as raised:
            error = raised
    ended_by = asked()
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()
        ended_by = ended_by or STOPPED
    if isinstance(error, Blocked) and ended_by is None:
        return Waits(str(error))
    if error is not None and not isinstance(error, BatonError | asyncio.CancelledError):
        log.error("a runner failed", runner=runner.name, job=work.id, exc_info=error)
    verdict = verdict_of(error, asked=ended_by)
    facts = outcome.facts if error is None and ended_by is None else {}
    text = verdict.text or outcome.text
    final = run.close(verdict.state, text, **facts)
    assert isinstance(final, Update)
    return final
