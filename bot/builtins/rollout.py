"""`/rollout`: what people say to a job that goes through its servers in waves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from baton.bus.messages import State
from baton.errors import UsageError
from baton.fields import Host
from bot.builtins.job_ids import JobId, find_job
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.context import CommandContext
from bot.dispatch.reply import Reply, ReplyKind
from bot.holds import Hold
from bot.job_rollouts import rollout_of
from bot.jobs import Job, RunRecord, held_runs, short_id
from bot.rollout.said import Heard, Word, hear
from bot.rollout.state import RolloutState
from bot.run_changes import close
from bot.store.jobs.ledger import Ledger
from bot.store.safety.held_jobs import HeldChange


class RolloutCommand(BuiltinCommand):
    """Pause a job that goes in waves, let it go on, skip a server, make it slower, or go back.

    `pause`: no other server begins. `go-on`: it goes on after a pause or a question. `skip`: the
    server in `--host` stays as it is. `slower`: waves of half the size. `back`: what succeeded is
    taken back, the newest wave first. In the thread of the job one word is enough: `go on`.
    """

    name: ClassVar[str] = "rollout"
    example: ClassVar[str] = "/rollout 7k2m pause"
    changes: ClassVar[bool] = True
    job: JobId = Field(description="the job ID shown in its post")
    word: Word = Field(description="what is to become of it")
    host: Host | None = Field(None, description="the server to skip")
    question: str = Field("", description="of go-on: the mark of the question that was shown")


class RolloutHandler(Handler[RolloutCommand]):
    """Changes rollouts of jobs in `ledger`. `job_changed` is called with the ID of a job that has
    news."""

    def __init__(
        self,
        ledger: Ledger,
        authorizer: Authorizer,
        audit: AuditLog,
        job_changed: Callable[[str], None],
    ) -> None:
        self._ledger = ledger
        self._authorizer = authorizer
        self._audit = audit
        self._job_changed = job_changed

    @override
    async def handle(self, command: RolloutCommand, context: CommandContext) -> Reply:
        """Write what was said. Whoever may ask for a job may say it, and so may its asker. Raises
        UsageError."""
        asked = context.invocation
        job, _ = await find_job(self._ledger, command.job)
        if command.word is Word.SKIP and command.host is None:
            raise UsageError(f"Which server? /rollout {short_id(job.id)} skip web-7", field="host")
        refusal = await self._authorizer.refusal_about(job, "rollout", context)
        if refusal is not None:
            return await self._audit.refuse(asked, refusal, job=job)
        await self._audit.write(asked, "allowed", job=job)
        problem = _cannot(job, command.word)
        if problem:
            text = f"{job.title} ({short_id(job.id)}) {problem}"
            return Reply(text, kind=ReplyKind.CONFLICT, job=job.id)
        heard: list[Heard] = []

        def changed(now: Job, runs: Sequence[RunRecord]) -> HeldChange | None:
            assert now.hold is not None, now.id
            if now.hold.rollout is None or not now.hold.rolling:
                return None
            it, by = rollout_of(now, runs), asked.asker.label
            found = hear(
                command.word, it, now.hold.rollout, by, command.host or "", command.question
            )
            heard[:] = [found]
            if found.state is None:
                return None
            text = f"skipped by {by}" if command.word is Word.SKIP else found.state.stopped
            left = [run for run in held_runs(runs) if run.host in found.left]
            ended = tuple(close(run, State.CANCELLED, text, asked.at) for run in left)
            hold = now.hold.model_copy(update={"rollout": found.state, "waits": ""})
            return HeldChange(hold=hold, runs=ended)

        done = await self._ledger.change_held(job.id, changed, asked.at)
        if done:
            self._job_changed(job.id)
        text = heard[0].text if heard else "It is over: nobody looks after it any more."
        kind = ReplyKind.DONE if done else ReplyKind.CONFLICT
        return Reply(f"{job.title} ({short_id(job.id)}): {text}", kind=kind, job=job.id)


def _cannot(job: Job, word: Word) -> str:
    """Return why `word` cannot be said to the rollout of `job`; empty if it can."""
    if job.hold is None or job.hold.rollout is None:
        return "does not go in waves."
    if job.hold.opened is None:
        return "has not started: there is nothing to pause. To end it: /cancel."
    if job.cancelled_by is not None:
        return f"was cancelled by {job.cancelled_by.label}."
    if not job.hold.rolling:
        return _over(job.hold, job.hold.rollout)
    if word is Word.BACK and not job.hold.rollout.can_undo:
        return f"cannot be taken back: nothing takes back /{job.command}."
    return ""


def _over(hold: Hold, state: RolloutState) -> str:
    if state.undone_by:
        return f"is over: it was stopped, and {short_id(state.undone_by)} takes it back."
    stopped = f"it was stopped. {state.stopped}" if state.stopped else ""
    why = " ".join(filter(None, [stopped, hold.waits]))
    return f"is over: {why}" if why else "is over."
