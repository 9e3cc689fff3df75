"""Whether a worker believes that a job, or a build request, is from whom it takes them."""

from __future__ import annotations

from datetime import timedelta

from baton.agent.trust.trust import Trust
from baton.bus.channel import Envelope
from baton.bus.exchanges import TIERS
from baton.bus.signing.header import SIGNATURE
from baton.errors import NotBelieved
from baton.worker.incoming import Incoming
from baton.worker.settings import RunnerSettings


def check_stranger(job: Incoming, foreign: bool, trust: Trust) -> None:
    """Raise NotBelieved if `job` is a build request, which nobody signs, on a queue that is not
    `foreign`, and signatures are required."""
    if trust.insists and not job.ours and not foreign:
        raise NotBelieved(
            type="build request",
            reason=f"nobody can sign one, and [signing] mode is {trust.mode.value}: on the queue"
            f" {job.queue} only requests of the bot are taken",
        )


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
        longest = timedelta(seconds=settings.looks * (TIERS[-1].seconds + settings.timeout))
        doubt = (
            trust.forgotten(job.request, forgotten)
            if first
            else trust.outlived(job.request, job.request.deadline + longest)
        )
    return doubt and f"this worker does not take this request: {doubt}"
