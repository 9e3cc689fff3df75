"""Whether a worker believes that a job, or a build request, is from whom it takes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from pydantic import JsonValue

from baton.agent.trust.clocks import AHEAD
from baton.agent.trust.trust import Trust
from baton.bus.channel import Envelope
from baton.bus.exchanges import TIERS
from baton.bus.signing.header import SIGNATURE
from baton.errors import NotBelieved
from baton.outcome import duration
from baton.worker.incoming import Incoming
from baton.worker.settings import RunnerSettings


def check_build(
    job: Incoming,
    foreign: bool,
    trust: Trust,
    at: datetime,
    forgotten: float,
    settings: RunnerSettings,
) -> None:
    """Raise NotBelieved if `job` is a build request that nobody has signed for its queue, or not
    lately enough, and signatures are required. On a queue that is `foreign` nobody signs.

    One that is pushed counts as long as it may wait, and as long as all looks at it can take.
    """
    if job.build is None or foreign:
        return
    pushed = job.build.pushed
    envelope = Envelope(job.body, headers={SIGNATURE: job.signature})
    late = _late(pushed, job, at, forgotten, settings)
    doubt = trust.push_doubt(job.id, envelope, late)
    if doubt:
        raise NotBelieved(type="build request", reason=doubt)


def _late(
    pushed: Mapping[str, JsonValue],
    job: Incoming,
    at: datetime,
    forgotten: float,
    settings: RunnerSettings,
) -> str:
    """Return what is wrong with the queue and the time that a build request names: it {...}."""
    try:
        when = datetime.fromisoformat(str(pushed.get("at", "")))
        since = (at - when).total_seconds()
    except (ValueError, TypeError):
        return "says not when it was pushed: PyBit signs nothing, and its queues are `foreign`"
    if pushed.get("queue") != job.queue:
        return f"was pushed on another queue than {job.queue}: somebody sent a copy of it"
    if since < -AHEAD.total_seconds():
        return f"was pushed {duration(-since)} in the future: clock skew. Check both clocks"
    longest = settings.accept_within + (_all_looks(settings) if job.look else 0.0)
    if since > longest:
        waits = duration(longest)
        ago = duration(since)
        return f"was pushed {ago} ago, and counts for {waits} (accept_within): push it again"
    old = not job.look and when.timestamp() <= forgotten
    return "is older than what the journal here remembers: push it again" if old else ""


def _all_looks(settings: RunnerSettings) -> float:
    """Return how many seconds all looks at a job can take."""
    return settings.looks * (TIERS[-1].seconds + settings.timeout)


def doubt_of(
    job: Incoming,
    trust: Trust,
    expires: float | None,
    forgotten: float,
    settings: RunnerSettings,
) -> str:
    """Return why `job`, which is about to start by these `settings`, is refused; empty if it is
    taken.

    `expires` as in Envelope, `forgotten` as in `Trust.forgotten`. A job that was parked is older
    than its times say, but not older than all looks at it can take.
    """
    if not job.ours:
        return ""
    envelope = Envelope(job.body, headers={SIGNATURE: job.signature}, expires=expires)
    first = not job.look
    doubt = trust.doubt(job.request, envelope, timed=first)
    if not doubt:
        longest = timedelta(seconds=_all_looks(settings))
        doubt = (
            trust.forgotten(job.request, forgotten)
            if first
            else trust.outlived(job.request, job.request.deadline + longest)
        )
    return doubt and f"this worker does not take this request: {doubt}"
