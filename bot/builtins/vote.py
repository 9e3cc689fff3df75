"""`/approve`, `/deny`, `/confirm`: what people say about a job that waits for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import ClassVar

from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import override

from baton.bus.messages import State
from baton.bus.signing.approver_ring import read_token
from baton.errors import BatonError, UsageError
from bot.builtins.job_ids import JobId, find_job
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer, undecided
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.context import CommandContext
from bot.dispatch.policy import Refusal, place_label
from bot.dispatch.reply import Reply, ReplyKind
from bot.holds import ANYBODY, Approvals, Hold, Verdict, Vote, tally, waits_for
from bot.job_plans import plan_of
from bot.jobs import Job, RunRecord, last_attempts, short_id
from bot.signers import uncounted
from bot.store.jobs.ledger import Ledger
from bot.store.safety.held_jobs import HeldChange
from bot.waiting import became, named

_READ = "log"
_JOB: TypeAdapter[str] = TypeAdapter(JobId)
MAX_REASON = 300
"""Characters of a reason that are kept."""
_PLAN = Field("", description="the plan that was shown, by its first digits")


class ApproveCommand(BuiltinCommand):
    """Approve a job that waits for others than its asker.

    Its post shows what it would do, and who may approve it. Nobody approves what they asked for.
    """

    name: ClassVar[str] = "approve"
    example: ClassVar[str] = "/approve 7k2m"
    changes: ClassVar[bool] = True
    job: JobId = Field(description="the job ID shown in its post")
    plan: str = _PLAN
    signature: str = Field("", description="your own, for servers that count them: baton approve")


class ConfirmCommand(BuiltinCommand):
    """Confirm a job that you asked for, after you have seen what it would do."""

    name: ClassVar[str] = "confirm"
    example: ClassVar[str] = "/confirm 7k2m"
    changes: ClassVar[bool] = True
    job: JobId = Field(description="the job ID shown in its post")
    plan: str = _PLAN


class DenyCommand(BuiltinCommand):
    """Deny a job that waits to be approved or confirmed: it ends, and nothing is sent.

    Say why, so that whoever asked reads it: /deny 7k2m because not on Fridays.
    """

    name: ClassVar[str] = "deny"
    example: ClassVar[str] = "/deny 7k2m because not on Fridays"
    verbatim: ClassVar[bool] = True
    changes: ClassVar[bool] = True
    words: tuple[str, ...] = Field(description="the job ID shown in its post, and because of what")

    @classmethod
    def usage(cls) -> str:
        """Return the usage line."""
        return "/deny JOB [because REASON]"


VoteCommand = ApproveCommand | ConfirmCommand | DenyCommand


class VoteHandler(Handler[VoteCommand]):
    """Takes votes about jobs of `ledger`. `job_changed` is called with the ID of a job that has
    one more."""

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
    async def handle(self, command: VoteCommand, context: CommandContext) -> Reply:
        """Write the vote, or answer what became of the job. Raises UsageError if there is none."""
        asked = context.invocation
        verdict, prefix, because, plan = _said(command)
        job, runs = await find_job(self._ledger, prefix)
        anew = _signs_anew(command, job, runs, asked.at)
        if job.hold is None or not (anew or _takes_votes(job.hold, runs, asked.at)):
            return await self._answer_ended(job, runs, context)
        groups = await self._groups_that_count(verdict, job, job.hold, context)
        if isinstance(groups, Refusal):
            return await self._audit.refuse(asked, groups, job=job)
        await self._audit.write(asked, "allowed", because, job=job)
        if verdict is not Verdict.DENY and not job.plan_digest:
            text = f"{named(job)}: {_waits(job, runs)}. Look at its post in a moment."
            return Reply(text, kind=ReplyKind.CONFLICT, job=job.id)
        if plan and not job.plan_digest.removeprefix("sha256:").startswith(plan):
            return Reply(_changed(job), kind=ReplyKind.CONFLICT, job=job.id)
        note = ""
        if isinstance(command, ApproveCommand) and command.signature:
            note = await self._keep_signature(job, job.hold, command.signature, asked.at)
        if anew:
            text = f"Signed: {named(job)} goes on, if nothing else keeps its next wave.{note}"
            return Reply(text, job=job.id)
        vote = Vote(
            asked.asker,
            asked.place.directory,
            verdict,
            asked.at,
            job.plan_digest,
            groups,
            because,
            f"{asked.place.front} {place_label(asked.place)}",
        )
        voted = await self._ledger.vote(job.id, vote)
        if voted is None:
            raise UsageError(f"The job {short_id(job.id)} is no longer kept.", field="job")
        if voted.counted:
            self._job_changed(job.id)
            return Reply(_counted(voted.job, voted.runs, verdict) + note, job=job.id)
        if voted.job.hold is None or not _takes_votes(voted.job.hold, voted.runs, asked.at):
            return Reply(became(voted.job, voted.runs), kind=ReplyKind.CONFLICT, job=job.id)
        if voted.before is not None:
            done = "approved" if verdict is Verdict.APPROVE else "confirmed"
            text = f"You have already {done} {named(job)}: {_waits(voted.job, voted.runs)}."
            return Reply(text + note, job=job.id)
        return Reply(_changed(job), kind=ReplyKind.CONFLICT, job=job.id)

    async def _keep_signature(self, job: Job, hold: Hold, signature: str, at: datetime) -> str:
        """Keep somebody's signature with what `job` waits for; return why it counts nowhere, if so.
        Raises UsageError if it is not one of its plan."""
        try:
            plan = plan_of(job)
            if plan is None or not plan.fits:
                raise ValueError("the plan is too long to be signed: ask for fewer servers at once")
            approval = read_token(signature, job.plan_digest)
        except ValueError as error:
            raise UsageError(f"The signature cannot be used: {error}.", field="signature") from None

        def signed(now: Job, runs: Sequence[RunRecord]) -> HeldChange | None:
            if now.hold is None or now.plan_digest != job.plan_digest:
                return None
            return HeldChange(hold=now.hold.signed(approval))

        if await self._ledger.change_held(job.id, signed, at):
            self._job_changed(job.id)
        note = uncounted(hold.signers, approval)
        return note and f" {note}"

    async def _answer_ended(
        self, job: Job, runs: Sequence[RunRecord], context: CommandContext
    ) -> Reply:
        """Answer what became of a job that waits for nobody."""
        asked = context.invocation
        hidden = await self._authorizer.hidden(
            self._authorizer.job_record(job), _READ, asked.asker, asked.place, context.groups
        )
        if hidden is not None:
            return await self._audit.refuse(asked, hidden, job=job)
        await self._audit.write(asked, "answered", job=job)
        return Reply(became(job, runs), kind=ReplyKind.CONFLICT, job=job.id)

    async def _groups_that_count(
        self, verdict: Verdict, job: Job, hold: Hold, context: CommandContext
    ) -> frozenset[str] | Refusal:
        """Return the names in the rules of `hold` that stand for the one who asks, or why they may
        not say that."""
        asked = context.invocation
        own = job.is_of(asked.asker, asked.place.directory)
        if verdict is Verdict.CONFIRM:
            if not hold.confirm:
                return Refusal(f"{named(job)} has not to be confirmed. {_whom(hold)}")
            if own:
                return frozenset()
            return Refusal(f"Not allowed: only {job.asked_by.label}, who asked, confirms it.")
        if verdict is Verdict.APPROVE and own:
            return Refusal(f"Not allowed: you asked for it, so others approve it. {_whom(hold)}")
        try:
            names = await self._names_of(hold, context)
        except BatonError as error:
            return undecided(error)
        if verdict is Verdict.DENY and (names or own):
            return names
        anybody = any(not rule.of for rule in hold.approvals)
        if verdict is Verdict.DENY or anybody or (hold.signers and not hold.approvals):
            refusal = await self._authorizer.refusal_about(job, verdict.value, context)
            if refusal is None:
                return names | {ANYBODY}
            return names or refusal
        if names:
            return names
        if not hold.approvals:
            return Refusal(f"{named(job)} needs no approval. {_whom(hold)}")
        return Refusal(f"Not allowed: /approve {short_id(job.id)}. {_whom(hold)}")

    async def _names_of(self, hold: Hold, context: CommandContext) -> frozenset[str]:
        """Return the names of the rules that stand for them. Groups count for members alone, as
        everywhere; they are looked up only if one is named. Raises BatonError."""
        person = context.invocation.asker
        mine = hold.named & {person.id}
        if mine == hold.named or person.standing != "member":
            return mine
        return hold.named & ({person.id} | await context.groups())


def _said(command: VoteCommand) -> tuple[Verdict, str, str, str]:
    """Return what is said: the verdict, the job, why, and about which plan."""
    if isinstance(command, ApproveCommand):
        return Verdict.APPROVE, command.job, "", command.plan
    if isinstance(command, ConfirmCommand):
        return Verdict.CONFIRM, command.job, "", command.plan
    words = list(command.words)
    if not words:
        raise UsageError(f"Which job? Usage: {DenyCommand.usage()}", field="words")
    try:
        job = _JOB.validate_python(words[0])
    except ValidationError:
        raise UsageError(
            f"“{words[0]}” is not the ID of a job. Usage: {DenyCommand.usage()}", field="words"
        ) from None
    rest = words[1:]
    if rest[:1] == ["because"]:
        rest = rest[1:]
    return Verdict.DENY, job, " ".join(rest)[:MAX_REASON], ""


def _counted(job: Job, runs: Sequence[RunRecord], verdict: Verdict) -> str:
    if verdict is Verdict.DENY:
        return f"Denied: {named(job)} ends, and nothing was sent."
    done = "Approved" if verdict is Verdict.APPROVE else "Confirmed"
    assert job.hold is not None, job.id
    if tally(job.hold, job.votes, job.plan_digest).complete:
        return f"{done}: {named(job)} starts now, if nothing has changed."
    return f"{done}: {named(job)}. It still waits: {_waits(job, runs)}."


def _changed(job: Job) -> str:
    return f"{named(job)} has changed since that was shown. Nothing was counted: look at its post."


def _waits(job: Job, runs: Sequence[RunRecord]) -> str:
    assert job.hold is not None, job.id
    return waits_for(job.hold, job.votes, job.plan_digest, len(last_attempts(runs)))


def _whom(hold: Hold) -> str:
    """Return who has to say what, as a sentence."""
    said = [f"{_rule(rule)}." for rule in hold.approvals]
    if hold.confirm:
        said.append("Whoever asked has to confirm it.")
    return " ".join(said)


def _rule(rule: Approvals) -> str:
    return f"{rule.whom[:1].upper()}{rule.whom[1:]} may approve it ({rule.need} needed)"


def _signs_anew(command: VoteCommand, job: Job, runs: Sequence[RunRecord], at: datetime) -> bool:
    """Return whether `command` signs the plan of a job that has begun, for the waves to come."""
    if not isinstance(command, ApproveCommand) or not command.signature or job.hold is None:
        return False
    return job.hold.takes_signatures(at) and any(run.state is State.HELD for run in runs)


def _takes_votes(hold: Hold, runs: Sequence[RunRecord], at: datetime) -> bool:
    return hold.takes_votes(at) and any(run.state is State.HELD for run in runs)
