"""Ledger: the jobs, their runs, the outbox and the output.

Every method is one transaction. All raise DatabaseUnavailable if the database cannot be used at the
moment. Nothing of the transaction has happened then, unless the connection was lost during the
commit itself. Each method can be called again with the same arguments.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType

from baton.bus.batching import Batcher
from baton.bus.messages import Person, Pong, Update, now
from bot.holds import Vote
from bot.jobs import AuditEntry, Cancelled, Job, NewJob, OutboxMessage, Tail
from bot.store.database.transactions import Database, Work
from bot.store.errors import StoreError
from bot.store.jobs import (
    history,
    job_changes,
    new_jobs,
    news,
    next_attempts,
    outbox,
    queries,
    releases,
    updates,
)
from bot.store.jobs.changes import JobChanges
from bot.store.jobs.news import BEGINNING, PIECES, News, OutputPiece, Position, Said
from bot.store.output import log_lines, log_window, outputs
from bot.store.output.log_lines import Found, LogLine, LogQuery, LogSearch
from bot.store.output.log_slices import LogPosition, RunOutput, Slice
from bot.store.output.log_window import LineName, LogView, LogWindow, Side
from bot.store.output.outputs import OutputLine
from bot.store.safety import held_jobs, votes

BATCH_SIZE = 1000
"""Messages in one transaction, at most."""


class Ledger:
    """The ledger in `database`. `changes` is told which jobs each transaction has changed."""

    def __init__(self, database: Database, changes: JobChanges) -> None:
        self._database = database
        self.changes = changes
        self._starts: Batcher[new_jobs.JobStart, Job] = Batcher(self._start_all)
        self._log_search = LogSearch(database)

    async def start_job(self, new: NewJob, entry: AuditEntry) -> Job:
        """Start a job: write its row, runs, outbox and audit entry, together with all jobs that
        wait to be started.

        If its key exists already nothing is written, and the existing job is returned. Raises
        Overtaken if somebody has taken a lock there since the gates were asked.
        """
        return await self._starts.submit((new, entry))

    async def job_of_key(self, key: str) -> Job | None:
        """Return the job that the request `key` started, if it started one."""
        return await self._database.read(partial(new_jobs.job_of_key, key=key))

    async def _start_all(self, starts: Sequence[new_jobs.JobStart]) -> Sequence[Job | Exception]:
        try:
            started = await self._database.write(partial(new_jobs.start_jobs, starts=starts))
        except StoreError:
            raise
        except Exception as error:
            if len(starts) == 1:
                return [error]
            # one of them cannot be written: the others must be
            return [result for one in starts for result in await self._start_all([one])]
        self.changes.announce({one.id for one in started if isinstance(one, Job)})
        return started

    async def drained(self) -> None:
        """Return once no job waits to be started."""
        await self._starts.drained()

    async def outbox(self, limit: int = 100) -> list[OutboxMessage]:
        """Return the messages that wait to be sent, oldest first. One that cannot be read, because
        a Baton of another version wrote it, is removed, and its runs say so."""
        found, unreadable = await self._database.read(partial(outbox.waiting, limit=limit))
        if unreadable:
            await self.settle(expired=unreadable, at=now())
        return found

    async def start_sending(self, ids: Sequence[str]) -> set[str]:
        """Record that these messages of the outbox may have been sent from now on; return those
        that could not have been before, and that nobody else sends."""
        return await self._database.write(partial(outbox.start_sending, ids=ids))

    async def not_sent(self, ids: Sequence[str]) -> None:
        """Record that these messages, which `start_sending` returned, were certainly not sent."""
        await self._database.write(partial(outbox.not_sent, ids=ids))

    async def settle(
        self,
        sent: Mapping[str, datetime] = MappingProxyType({}),
        unroutable: Mapping[str, str] = MappingProxyType({}),
        expired: Mapping[str, str] = MappingProxyType({}),
        *,
        at: datetime,
    ) -> set[str]:
        """Remove messages from the outbox, by id; return the ids of the jobs that changed.

        `sent` holds by when a server must have accepted each, `unroutable` why no queue takes each,
        `expired` why each was not sent.
        Requests: runs that are still queued become sent (`at`: when sending began, from which
        latency is counted), or are closed as unroutable or expired. A broadcast stands for all
        queued runs of its job. A Cancel changes no state; if it is unroutable the run says so.
        """
        return await self._changed(
            partial(
                outbox.settle,
                sent=sent,
                unroutable=unroutable,
                expired=expired,
                at=at,
            )
        )

    async def _changed(self, work: Work[set[str]]) -> set[str]:
        """Do `work`, which returns the ids of the jobs that it changes, and tell who watches."""
        ids = await self._database.write(work)
        self.changes.announce(ids)
        return ids

    async def apply_updates(
        self,
        messages: Sequence[Update | Pong],
        at: datetime,
        rejected: updates.NotApplied | None = None,
    ) -> set[str]:
        """Apply what servers reported, in order; return the ids of the jobs that changed.

        A server that only a broadcast reached joins its job. What belongs to no run is not applied:
        `rejected` gets the reason, by the place among the messages. BATCH_SIZE messages at most are
        one transaction.
        """
        changed: set[str] = set()
        for start in range(0, len(messages), BATCH_SIZE):
            some = messages[start : start + BATCH_SIZE]
            work = partial(updates.apply_updates, messages=some, at=at)
            ids, odd = await self._database.write(work)
            self.changes.announce(ids)
            changed |= ids
            if rejected is not None:
                rejected.update((start + place, reason) for place, reason in odd.items())
        return changed

    async def close_overdue(self, at: datetime, seeing_since: datetime | None) -> set[str]:
        """Close the runs whose time is over (`bot.run_changes.close_if_overdue`); return the ids of
        the jobs that changed. While the link to RabbitMQ is lost only those that are held end."""
        work = partial(updates.close_overdue, at=at, seeing_since=seeing_since)
        return await self._changed(work)

    async def end_lost(self, workers: Mapping[str, datetime], at: datetime) -> set[str]:
        """End the runs of work queues that these workers have, whose heartbeats ended at that
        moment, and start them again as often as their runners say; return the ids of the jobs that
        changed."""
        return await self._changed(partial(next_attempts.end_lost, lost=workers, at=at))

    async def next_deadline(self) -> datetime | None:
        """Return when `close_overdue` may have something to close next. It may lie in the past
        while the link to RabbitMQ is lost."""
        return await self._database.read(queries.next_deadline)

    async def cancel(self, job: str, person: Person, at: datetime) -> Cancelled | None:
        """Cancel what is left of `job`; return None if there is no such job.

        What was not sent is withdrawn and closed as cancelled; the other servers are sent a Cancel.
        A second call changes nothing, nor does one after the job has ended.
        """
        work = partial(outbox.cancel, job=job, person=person, at=at)
        cancelled = await self._database.write(work)
        self.changes.announce([job])
        return cancelled

    async def held(self) -> dict[str, int]:
        """Return the jobs that are looked after, because a run is held or because they go through
        their servers in waves: the revision of each, by ID."""
        return await self._database.read(held_jobs.held_jobs)

    async def change_held(self, job: str, change: held_jobs.Change, at: datetime) -> bool:
        """Change `job`, which is looked after, as `change` says of it as it is then; return whether
        anything changed."""
        work = partial(held_jobs.change_held, id=job, change=change, at=at)
        changed = await self._database.write(work)
        self.changes.announce([job] if changed else [])
        return changed

    async def vote(self, job: str, said: Vote) -> votes.Voted | None:
        """Write what somebody says about `job`, which is held; None if there is no such job."""
        voted = await self._database.write(partial(votes.vote, id=job, said=said))
        self.changes.announce([job] if voted is not None and voted.counted else [])
        return voted

    async def job(self, name: str) -> queries.JobWithRuns | None:
        """Return the job of that id and its runs, by host and attempt."""
        return await self._database.read(partial(queries.job, name=name))

    async def jobs(self, names: Sequence[str]) -> dict[str, queries.JobWithRuns]:
        """Return those of the jobs with these ids that exist, by id, each as from `job`."""
        return await self._database.read(partial(queries.several, names=names))

    async def news(
        self, name: str, after: Position = BEGINNING, limit: int = PIECES
    ) -> News | None:
        """Return that job as it is, its runs, and at most `limit` pieces of the output that is new
        since `after`; None if there is no such job. Its cost does not grow with what came before.
        """
        return await self._database.read(partial(news.news, name=name, after=after, limit=limit))

    async def pieces(
        self, name: str, after: Position, upto: int, limit: int = PIECES
    ) -> tuple[OutputPiece, ...]:
        """Return the first pieces of the output of that job after `after`, up to and with the
        revision `upto`."""
        work = partial(news.pieces, name=name, after=after, upto=upto, limit=limit)
        return await self._database.read(work)

    async def said(self, name: str, at: datetime) -> dict[tuple[str, int], Said]:
        """Return what each run of that job had said at `at`, by host and attempt."""
        return await self._database.read(partial(news.said, name=name, at=at))

    async def revision(self, name: str) -> int | None:
        """Return the revision of that job; None if there is no such job."""
        return await self._database.read(partial(news.revision_of, name=name))

    async def find(self, prefix: str) -> queries.JobWithRuns | None:
        """Return the one job whose id begins with `prefix`, as people type it, of four characters
        or more; None if there is none or several."""
        return await self._database.read(partial(queries.find, prefix=prefix))

    async def in_thread(self, front: str, channel: str, ref: str) -> list[Job]:
        """Return the jobs whose post is `ref` or stands in the thread `ref`: the open ones, newest
        first; if none is open, the newest of all."""
        work = partial(queries.in_thread, front=front, channel=channel, ref=ref)
        return await self._database.read(work)

    async def recent(self, limit: int = 20, environment: str | None = None) -> list[Job]:
        """Return the last jobs, newest first."""
        return await self._database.read(
            partial(queries.recent, limit=limit, environment=environment)
        )

    async def live_releases(
        self, environments: Collection[str]
    ) -> dict[tuple[str, str], releases.LiveRelease]:
        """Return which release of an app is live where in these environments, by host and app, as
        far as the latest deploys there tell."""
        return await self._database.read(partial(releases.live_releases, environments=environments))

    async def deploys(self, app: str, environment: str) -> list[queries.JobWithRuns]:
        """Return the last jobs that changed `app` in `environment`, newest first, with their
        runs."""
        work = partial(releases.deploys, app=app, environment=environment)
        return await self._database.read(work)

    async def unreported(self) -> dict[str, int]:
        """Return the ids of the jobs whose posts may not show yet how they ended, oldest first,
        with the revision of each."""
        return await self._database.read(queries.unreported)

    async def depths(self) -> queries.Depths:
        """Return how much is open. It costs the same however many jobs have ended."""
        return await self._database.read(queries.depths)

    async def mark_reported(self, revisions: Mapping[str, int]) -> set[str]:
        """Record that every post of these jobs shows its job as it was at that revision. Return
        those that were marked: not those that have changed since."""
        if not revisions:
            return set()
        return await self._database.write(partial(job_changes.mark_reported, revisions=revisions))

    async def output(self, job: str, host: str | None = None) -> list[OutputLine]:
        """Return all output of the job, or of one of its servers, run by run."""
        return await self._database.read(partial(outputs.whole, job=job, host=host))

    async def tails(
        self, job: str, characters: int = 3000, hosts: Sequence[str] | None = None
    ) -> dict[str, Tail]:
        """Return the end of the output of these hosts, or of all, by host: the last `characters` of
        its last attempt, in whole lines. It costs the same however long the output is."""
        work = partial(outputs.tails, job=job, characters=characters, hosts=hosts)
        return await self._database.read(work)

    async def output_sizes(self, job: str, host: str | None = None) -> list[RunOutput]:
        """Return how much output each run of the job, or of one of its servers, has so far, by host
        and attempt."""
        return await self._database.read(partial(log_lines.sizes, job=job, host=host))

    async def output_slice(self, job: str, part: Slice) -> list[OutputLine]:
        """Return the output in one slice (bot.store.output.log_slices), in order."""
        return await self._database.read(partial(log_lines.whole_slice, job=job, part=part))

    async def log_lines(
        self, job: str, host: str, attempt: int, first: int, count: int
    ) -> list[LogLine]:
        """Return the lines of a run from the line `first` on, `count` at most. It costs the same
        however long the output is."""
        work = partial(
            log_lines.lines, job=job, host=host, attempt=attempt, first=first, count=count
        )
        return await self._database.read(work)

    async def search_log(
        self, job: str, query: LogQuery, begin: LogPosition | None = None, limit: int = 100
    ) -> Found:
        """Return the first `limit` lines of the job's output that match, from `begin` on; and how
        many there are, if it begins at the first line. It reads in many short transactions."""
        return await self._log_search.search(job, query, begin, limit)

    async def history(
        self, wanted: history.JobFilter, before: history.Moment | None = None, limit: int = 50
    ) -> history.HistoryPage:
        """Return at most `limit` of the jobs that are `wanted` and older than `before`, newest
        first."""
        work = partial(history.page, wanted=wanted, before=before, limit=limit)
        return await self._database.read(work)

    async def window(
        self,
        job: str,
        view: LogView,
        count: int,
        side: Side = Side.BEFORE,
        beside: LineName | None = None,
    ) -> LogWindow | None:
        """Return `count` lines of output beside a line, or the last ones, with the job and its runs
        at that moment; None if there is no such job. It costs the same however long the output is.
        """
        work = partial(
            log_window.window, name=job, view=view, count=count, side=side, beside=beside
        )
        return await self._database.read(work)

    async def prune(self, before: datetime) -> int:
        """Remove the jobs that were closed before `before`, with their runs, output and posts;
        return how many."""
        removed = 0
        while some := await self._database.write(partial(queries.prune, before=before)):
            removed += some
        return removed
