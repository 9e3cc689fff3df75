"""Whether a worker believes that a job, or a build request, is from whom it takes them."""

from __future__ import annotations

from baton.agent.trust.trust import Trust
from baton.bus.channel import Envelope
from baton.bus.signing.header import SIGNATURE
from baton.errors import NotBelieved
from baton.worker.incoming import Incoming


def check_stranger(job: Incoming, foreign: bool, trust: Trust) -> None:
    """Raise NotBelieved if `job` is a build request, which nobody signs, on a queue that is not
    `foreign`, and signatures are required."""
    if trust.insists and not job.ours and not foreign:
        raise NotBelieved(
            type="build request",
            reason=f"nobody can sign one, and [signing] mode is {trust.mode.value}: on the queue"
            f" {job.queue} only requests of the bot are taken",
        )


def doubt_of(job: Incoming, trust: Trust, expires: float | None, forgotten: float) -> str:
    """Return why `job`, which is about to start, is refused; empty if it is taken.

    `expires` as in Envelope, `forgotten` as in `Trust.forgotten`. A job that was parked is older
    than its times say.
    """
    if not job.ours:
        return ""
    envelope = Envelope(job.body, headers={SIGNATURE: job.signature}, expires=expires)
    first = not job.look
    doubt = trust.doubt(job.request, envelope, timed=first)
    if not doubt and first:
        doubt = trust.forgotten(job.request, forgotten)
    return doubt and f"this worker does not take this request: {doubt}"
