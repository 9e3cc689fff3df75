"""Jobs, their runs and lines of their output as the API shows them. Events have jobs and runs by
the same models; their lines are rendered by `feed.frame`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field, JsonValue

from baton.bus.messages import ENDS_WITHIN, Person, State
from bot.holds import Verdict
from bot.jobs import Job, RunRecord, job_state
from bot.rollout.state import RolloutState
from bot.store.jobs.history import PastJob
from bot.store.output.log_lines import LogLine
from bot.waiting import asks, plan_lines, rollout_lines, waiting_words
from bot.web.console.ansi import plain


class PersonShown(BaseModel):
    """Somebody, as their chat knows them."""

    id: str
    name: str

    @classmethod
    def of(cls, person: Person) -> PersonShown:
        """Return `person` as the API shows them."""
        return cls(id=person.id, name=person.name)


class PlaceShown(BaseModel):
    """Where a job was asked and is shown: a front end, a channel and perhaps a thread."""

    front: str = Field(description="slack, terminal or console")
    channel: str
    thread: str
    name: str = Field(description="the name of the channel; empty if it is not known")


class VoteShown(BaseModel):
    """What somebody said about a job that waited for people."""

    person: PersonShown
    verdict: Verdict
    at: datetime
    because: str
    counts: bool = Field(description="whether it is about the plan as it is now")


class WaveShown(BaseModel):
    """The servers that begin together."""

    number: int
    hosts: list[str]


class RolloutShown(BaseModel):
    """How a job goes through its servers."""

    settings: dict[str, JsonValue] = Field(description="as in [[gate]]")
    waves: list[WaveShown] = Field(description="empty before it has started")
    wave: int = Field(description="the last one that has begun; 0 before it has started")
    paused: str = Field(description="by whom it is paused; empty if by nobody")
    question: str = Field(description="what it asks before it goes on; empty if nothing")
    skipped: list[str] = Field(description="the servers that stay as they are")
    stopped: str = Field(description="why it was stopped; empty if it was not")
    undone_by: str = Field(description="the job that takes it back; empty if none does")
    over: bool = Field(description="whether nobody looks after it any more")

    @classmethod
    def of(cls, state: RolloutState) -> RolloutShown:
        """Return how it is shown."""
        by_wave: dict[int, list[str]] = {}
        for host, wave in sorted(state.waves.items()):
            by_wave.setdefault(wave, []).append(host)
        return cls(
            settings=state.settings.model_dump(mode="json"),
            waves=[WaveShown(number=wave, hosts=by_wave[wave]) for wave in sorted(by_wave)],
            wave=state.wave,
            paused=plain(state.paused),
            question=plain(state.question.text) if state.question is not None else "",
            skipped=sorted(state.skipped),
            stopped=plain(state.stopped),
            undone_by=state.undone_by,
            over=state.over,
        )


class HoldShown(BaseModel):
    """What a job waits for before it starts, or between its waves, or waited for."""

    waits: str = Field(
        description="in words: approvals 1 of 2 (@leads may); empty once it waits for nobody"
    )
    until: datetime = Field(description="when it ends by itself")
    opened: datetime | None = Field(description="when it started")
    plan: list[str] = Field(description="what would change, in words")
    digest: str = Field(description="the digest of the plan: what a vote is about")
    document: dict[str, JsonValue] = Field(description="the plan itself, of which that is")
    signed: list[str] = Field(description="the keys that have signed it, by fingerprint")
    changed: list[str] = Field(description="what is not as it was shown first")
    votes: list[VoteShown]
    rollout: RolloutShown | None = Field(description="null if all its servers begin at once")

    @classmethod
    def of(cls, job: Job, runs: Sequence[RunRecord]) -> HoldShown | None:
        """Return what `job`, which has `runs`, waits for; None if it waited for nobody."""
        hold = job.hold
        if hold is None:
            return None
        return cls(
            rollout=None if hold.rollout is None else RolloutShown.of(hold.rollout),
            waits=plain(waiting_words(job, len(runs))),
            until=hold.until,
            opened=hold.opened,
            plan=plan_lines(job),
            digest=job.plan_digest,
            document=dict(job.plan),
            signed=[one.key for one in hold.signatures],
            changed=list(hold.changed),
            votes=[
                VoteShown(
                    person=PersonShown.of(vote.person),
                    verdict=vote.verdict,
                    at=vote.at,
                    because=plain(vote.because),
                    counts=vote.plan == job.plan_digest,
                )
                for vote in job.votes
            ],
        )


class JobShown(BaseModel):
    """A command that somebody asked."""

    id: str
    command: str
    title: str = Field(description="the words that it equals: deploy shop prod")
    arguments: dict[str, JsonValue] = Field(description="the fields of the command, by name")
    app: str | None
    environment: str = Field(description="the environment, or several with commas between")
    person: PersonShown = Field(description="who asked")
    place: PlaceShown
    asked: datetime
    closed: datetime | None = Field(description="when its last server ended; null while one runs")
    cancelled_by: PersonShown | None = Field(description="who cancelled it, if somebody did")
    revision: int = Field(description="grows with each change")
    state: State = Field(description="running while a server runs it, else the worst end of all")
    waits: str = Field(description="what it waits for now, in words; empty if for nothing")
    asks: bool = Field(description="whether it goes on only if a person says so, between waves")
    progress: list[str] = Field(description="how far it is if it goes in waves; else empty")


class ListedJob(JobShown):
    """A job in a list."""

    servers: int
    states: dict[State, int] = Field(description="how many servers are in each state")

    @classmethod
    def of(cls, past: PastJob) -> ListedJob:
        """Return `past` as the API lists it."""
        counts = dict(past.states)
        shown = job_fields(past.job, past.state)
        return cls(**shown, servers=sum(counts.values()), states=counts)


class RunShown(BaseModel):
    """A job's share on one server."""

    host: str
    attempt: int
    state: State
    text: str = Field(description="the last that its server said, or why it ended")
    step: str
    percent: int | None
    sent: datetime | None
    started: datetime | None
    finished: datetime | None
    seconds: float | None = Field(description="from its sending to its end")
    late: State | None = Field(description="another end, which was reported later")
    facts: dict[str, JsonValue] = Field(description="what its server reported: release, commit")
    lines: int | None = Field(description="lines of its output so far, if that was looked up")

    @classmethod
    def of(cls, run: RunRecord, lines: int | None = None) -> RunShown:
        """Return `run` as the API shows it."""
        return cls(
            host=run.host,
            attempt=run.attempt,
            state=run.state,
            text=plain(run.text),
            step=plain(run.step),
            percent=run.percent,
            sent=run.sent,
            started=run.started,
            finished=run.finished,
            seconds=run.report().seconds,
            late=run.late,
            # how long it may take is between the agent and the ledger
            facts={key: value for key, value in run.facts.items() if key != ENDS_WITHIN},
            lines=lines,
        )


class WholeJob(JobShown):
    """A job with all its runs."""

    summary: str = Field(description="how it went, in the words of its command: v2 on 3 of 3")
    notes: list[str] = Field(description="what its command adds to that")
    hold: HoldShown | None = Field(description="what it waits for, or waited for")
    runs: list[RunShown] = Field(description="by server and attempt")


class LineShown(BaseModel):
    """A line of output."""

    host: str
    attempt: int
    line: int = Field(description="its number in the output of that attempt, from 1")
    time: datetime
    level: str
    step: str
    text: str = Field(description="without colours and other escape sequences")

    @classmethod
    def of(cls, line: LogLine) -> LineShown:
        """Return `line` as the API shows it."""
        return cls(
            host=line.host,
            attempt=line.attempt,
            line=line.number,
            time=line.time,
            level=line.level,
            step=plain(line.step),
            text=plain(line.text),
        )


def job_fields(job: Job, state: State) -> dict[str, Any]:
    """Return the fields of JobShown for `job`, which is in `state` (`state_of`)."""
    place, canceller = job.place, job.cancelled_by
    begun = job.hold if job.hold is not None and job.hold.opened is not None else None
    lines = [] if begun is None else rollout_lines(begun, wave=job.closed is None)
    return {
        "id": job.id,
        "command": job.command,
        "title": job.title,
        "arguments": dict(job.arguments),
        "app": job.app,
        "environment": job.environment,
        "person": PersonShown.of(job.asked_by),
        "place": PlaceShown(
            front=place.front, channel=place.channel, thread=place.thread, name=place.name
        ),
        "asked": job.asked,
        "closed": job.closed,
        "cancelled_by": None if canceller is None else PersonShown.of(canceller),
        "revision": job.revision,
        "state": state,
        "waits": plain(waiting_words(job)),
        "asks": asks(job),
        "progress": [plain(line) for line in lines],
    }


def state_of(job: Job, runs: tuple[RunRecord, ...]) -> State:
    """Return the state of `job`: of a broadcast that nobody has answered yet too."""
    return State.SENT if not runs and job.closed is None else job_state(runs)
