"""Parking: a blocked job waits in a tier of the bus, and any worker of its queue looks again.

The journal says `parking` before the job is published, and `parked` once RabbitMQ has confirmed it.
A publish that RabbitMQ did not confirm is not simply repeated: two copies could be looked at by two
workers. While its tier still holds a first copy, that copy is revoked by its claim, which every
worker asks for before it looks, and the job is published once more as the next look. Later nobody
can know: the job ends as `interrupted`, and says so.
A tier is emptied at most once for each message, so that a job comes back once or, if RabbitMQ dies
at that very moment, not at all; the ledger then calls it lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime

import structlog

from baton.agent.verdicts import Verdict
from baton.bus.channel import CONFIRM_TIMEOUT, Channel
from baton.bus.exchanges import PARKED, TIERS, Tier
from baton.bus.messages import State, now
from baton.errors import BusBlocked, BusRefused, Disconnected, Unconfirmed, Unroutable
from baton.outcome import duration
from baton.timing.backoff import delay
from baton.worker.incoming import Incoming
from baton.worker.journal import WorkJournal

log = structlog.get_logger(__name__)

MARGIN = 1.0
"""Seconds before the end of a tier from which on a copy in it may already be on its way."""
QUEUED = 3600.0
"""Seconds that a job which comes back may wait in its queue before the ledger calls it lost."""
RETRY_AFTER, RETRY_MOST = 0.2, 5.0

UNKNOWN = Verdict(
    State.INTERRUPTED,
    "it was blocked, and RabbitMQ did not confirm that it has the job: a worker looks at it again,"
    " or none does; check before you run it again",
)


def tier_of(look: int) -> Tier:
    """Return the tier in which a job waits for its `look`-th look, counted from 1."""
    return TIERS[min(look, len(TIERS)) - 1]


def said_of(reason: str, look: int) -> str:
    """Return what people read while a job waits for its `look`-th look."""
    return f"blocked: {reason}; next look in {_length(tier_of(look).seconds)}"


def given_up(reason: str, looks: int) -> Verdict:
    """Return how a job ends that was looked at `looks` times."""
    times = "once" if looks == 1 else f"{looks} times"
    return Verdict(State.BLOCKED, f"{reason} (looked {times})")


def can_revoke(look: int, since: float) -> bool:
    """Return whether the copy for the `look`-th look, which was published at the earliest `since`
    seconds ago, is certainly still in its tier."""
    return 0 <= since < tier_of(look).seconds - MARGIN


def _length(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 60 else duration(seconds).removesuffix(" 0 s")


class Parking:
    """Parks jobs, and revokes what is parked. `stopping` says that this worker is about to end."""

    def __init__(
        self,
        channel: Channel,
        journal: WorkJournal,
        stopping: Callable[[], bool],
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._channel = channel
        self._journal = journal
        self._stopping = stopping
        self._clock = clock

    async def park(self, job: Incoming) -> Verdict | None:
        """Park `job`, which says what its next look is; returns how it ends if it cannot be parked.

        While RabbitMQ is away it waits. If this worker stops first, the journal has it. Raises
        JournalUnavailable.
        """
        await self._journal.park(job)
        return await self._publish(job)

    async def go_on(self, job: Incoming, began: float) -> Verdict | None:
        """Park `job`, of which an earlier life of this worker began to, at `began` by the clock."""
        job_or_verdict = await self._once_more(job, self._clock().timestamp() - began)
        if isinstance(job_or_verdict, Incoming):
            return await self._publish(job_or_verdict)
        return job_or_verdict

    async def revoked(self, job: Incoming, since: float) -> bool | None:
        """Return whether `job`, parked `since` seconds ago, is revoked: nobody looks at it from now
        on. False means that another worker has revoked it.

        None means that it cannot be known: it may have come back, and a worker that looks at it
        makes no claim.
        """
        if not can_revoke(job.look, since):
            return None
        try:
            async with asyncio.timeout(tier_of(job.look).seconds - MARGIN - since):
                return await self._revoke(job.claim)
        except TimeoutError:
            return None
        except BusRefused as error:
            log.error("a parked job cannot be revoked", job=job.job, error=str(error))
            return None

    async def _revoke(self, claim: str) -> bool:
        """Return whether we have made the claim to a parked job. Waits for the bus. Raises
        BusRefused."""
        holder = f"revoked by {await self._journal.holder()}"
        while True:
            await self._channel.wait_up()
            try:
                return await self._channel.claim(claim, holder)
            except Disconnected:
                await asyncio.sleep(RETRY_AFTER)

    async def _publish(self, job: Incoming) -> Verdict | None:
        failures = 0
        while not self._stopping():
            tier, began = tier_of(job.look), time.monotonic()
            try:
                await self._channel.publish(
                    PARKED,
                    tier.key(job.queue),
                    job.envelope(),
                    mandatory=True,
                    timeout=min(CONFIRM_TIMEOUT, tier.seconds / 2),
                )
            except Unconfirmed as error:
                log.warning("a parked job was not confirmed", job=job.job, error=str(error))
                again = await self._once_more(job, time.monotonic() - began)
                if not isinstance(again, Incoming):
                    return again
                job = again
            except (Disconnected, BusBlocked, Unroutable) as error:  # certainly nobody has it
                failures += 1
                log.warning("a job is not parked yet", job=job.job, error=str(error))
                await asyncio.sleep(delay(failures, RETRY_AFTER, RETRY_MOST))
            else:
                await self._journal.parked(job)
                return None
        await self._journal.unpark(job)  # nobody else has it: the next life looks at once
        return None

    async def _once_more(self, job: Incoming, since: float) -> Incoming | Verdict | None:
        """Return `job` as it is published once more, after a first copy was revoked; None if
        somebody looks at that one, or how it ends if that cannot be known."""
        revoked = await self.revoked(job, since)
        if not revoked:
            return UNKNOWN if revoked is None else None
        later = job.parked(job.look + 1, job.sequence, job.since or 0.0)
        await self._journal.park(later)
        return later
