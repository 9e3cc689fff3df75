"""Ledger: the jobs, their runs, what is to be sent, and what was said.

Every method is one transaction. All raise DatabaseUnavailable if the database cannot be used for
the moment; then nothing of the transaction has happened, unless the connection was lost in the very
commit. Each can be called again with the same arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType

from baton.bus.batching import Batcher
from baton.bus.messages import Person, Pong, Update, now
from bot.jobs import AuditEntry, Cancelled, Job, NewJob, OutboxMessage, Tail
from bot.store.database.transactions import Database
from bot.store.errors import StoreError
from bot.store.jobs import job_changes, new_jobs, outbox, outputs, queries, updates
from bot.store.jobs.outputs import OutputLine

BATCH_SIZE = 1000
"""Messages in one transaction, at most."""


class Ledger:
    """The ledger in `database`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._starts: Batcher[new_jobs.JobStart, Job] = Batcher(self._start_all)

    async def start_job(self, new: NewJob, entry: AuditEntry) -> Job:
        """Begin a job: its row, runs, outbox and audit entry, together with all asks that wait.

        If its key is there already nothing is written, and the result is the job that is there.
        """
        return await self._starts.submit((new, entry))

    async def job_of_key(self, key: str) -> Job | None:
        """The job that the ask `key` began, if it began one."""
        return await self._database.read(partial(new_jobs.job_of_key, key=key))

    async def _start_all(self, asks: Sequence[new_jobs.JobStart]) -> Sequence[Job | Exception]:
        try:
            return await self._database.write(partial(new_jobs.start_jobs, asks=asks))
        except StoreError:
            raise
        except Exception as error:
            if len(asks) == 1:
                return [error]
            # One of them cannot be written: the others must not suffer for it.
            return [result for one in asks for result in await self._start_all([one])]

    async def drained(self) -> None:
        """Return once no ask waits."""
        await self._starts.drained()

    async def outbox(self, limit: int = 100) -> list[OutboxMessage]:
        """The messages that are to be sent, oldest first. One that cannot be read, which a Baton of
        another version wrote, is taken out, and its runs say so."""
        found, unreadable = await self._database.read(partial(outbox.waiting, limit=limit))
        if unreadable:
            await self.settle(expired=unreadable, at=now())
        return found

    async def settle(
        self,
        sent: Mapping[str, datetime] = MappingProxyType({}),
        unroutable: Mapping[str, str] = MappingProxyType({}),
        expired: Mapping[str, str] = MappingProxyType({}),
        *,
        at: datetime,
    ) -> set[str]:
        """Take messages out of the outbox, by id; the ids of the jobs that changed.

        `sent` says by when a server must have taken each up, `unroutable` why nobody takes each,
        `expired` why each was not sent.
        Requests: runs that are still queued become sent (`at`: when sending them began, which
        latency is counted from), or are closed as unroutable or expired. A broadcast stands for all
        queued runs of its job. A Cancel changes no state; if it is unroutable the run says so.
        """
        return await self._database.write(
            partial(
                outbox.settle,
                sent=sent,
                unroutable=unroutable,
                expired=expired,
                at=at,
            )
        )

    async def apply_updates(
        self,
        messages: Sequence[Update | Pong],
        at: datetime,
        rejected: updates.NotApplied | None = None,
    ) -> set[str]:
        """Apply what servers said, in order; the ids of the jobs in which it changed something.

        A server that only a broadcast reached joins its job. What belongs to no run is not applied:
        `strange` gets the reason, by the place among the messages. Of more than HEARD_AT_ONCE
        messages each thousand is a transaction.
        """
        changed: set[str] = set()
        for start in range(0, len(messages), BATCH_SIZE):
            some = messages[start : start + BATCH_SIZE]
            work = partial(updates.apply_updates, messages=some, at=at)
            ids, odd = await self._database.write(work)
            changed |= ids
            if rejected is not None:
                rejected.update((start + place, reason) for place, reason in odd.items())
        return changed

    async def close_overdue(self, at: datetime, seeing_since: datetime | None) -> set[str]:
        """Close what is over by `bot.jobs.overdue`; the ids of the jobs that changed."""
        if seeing_since is None:
            return set()
        work = partial(updates.close_overdue, at=at, seeing_since=seeing_since)
        return await self._database.write(work)

    async def next_deadline(self) -> datetime | None:
        """When `overdue` may have something to close next; it may lie in the past while we are
        blind."""
        return await self._database.read(queries.next_deadline)

    async def cancel(self, job: str, person: Person, at: datetime) -> Cancelled | None:
        """Cancel what is left of `job`; None if there is no such job.

        What was not sent is withdrawn and closed as cancelled; the other servers are sent a Cancel.
        A second time, and once the job is over, nothing changes.
        """
        return await self._database.write(partial(outbox.cancel, job=job, person=person, at=at))

    async def job(self, name: str) -> queries.JobWithRuns | None:
        """The job of that id and its runs, by host and attempt."""
        return await self._database.read(partial(queries.job, name=name))

    async def jobs(self, names: Sequence[str]) -> dict[str, queries.JobWithRuns]:
        """Those of the jobs of these ids that there are, by id, as `job` has them."""
        return await self._database.read(partial(queries.several, names=names))

    async def find(self, prefix: str) -> queries.JobWithRuns | None:
        """The one job whose id begins with `prefix`, of four characters or more, as people type it;
        None if there is none or several."""
        return await self._database.read(partial(queries.find, prefix=prefix))

    async def in_thread(self, front: str, channel: str, ref: str) -> list[Job]:
        """The jobs whose post is `ref` or stands in the thread `ref`: the open ones, the newest
        first; if there is none, the newest of all."""
        work = partial(queries.in_thread, front=front, channel=channel, ref=ref)
        return await self._database.read(work)

    async def recent(self, limit: int = 20, environment: str | None = None) -> list[Job]:
        """The last jobs, newest first."""
        return await self._database.read(
            partial(queries.recent, limit=limit, environment=environment)
        )

    async def unreported(self) -> dict[str, int]:
        """The ids of the jobs whose posts may not show yet how they ended, oldest first, and the
        revision that each is at."""
        return await self._database.read(queries.unreported)

    async def depths(self) -> queries.Depths:
        """How much is open; it costs the same however much is over."""
        return await self._database.read(queries.depths)

    async def mark_reported(self, revisions: Mapping[str, int]) -> set[str]:
        """Every post of these jobs shows its job as it was at that revision (Job.revision); those
        that were marked: not those in which something has changed since."""
        if not revisions:
            return set()
        return await self._database.write(partial(job_changes.mark_reported, revisions=revisions))

    async def output(self, job: str, host: str | None = None) -> list[OutputLine]:
        """All that the servers of the job said, or one of them, run by run."""
        return await self._database.read(partial(outputs.whole, job=job, host=host))

    async def tails(
        self, job: str, characters: int = 3000, hosts: Sequence[str] | None = None
    ) -> dict[str, Tail]:
        """Of these hosts, or of all, by host: the last `characters` that its last attempt said, in
        whole lines. Costs the same however long the output is."""
        work = partial(outputs.tails, job=job, characters=characters, hosts=hosts)
        return await self._database.read(work)

    async def prune(self, before: datetime) -> int:
        """Remove the jobs that were closed before `before`, with their runs, output and posts; how
        many."""
        removed = 0
        while some := await self._database.write(partial(queries.prune, before=before)):
            removed += some
        return removed
