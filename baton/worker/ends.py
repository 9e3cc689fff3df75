"""The end of a job: in the journal first, then told to whoever it came from."""

from __future__ import annotations

from dataclasses import replace

import structlog

from baton.agent.final_reports import Reports
from baton.agent.verdicts import CANCELLED_BEFORE, Verdict
from baton.bus.messages import LAST_SEQUENCE, State, Update
from baton.errors import JournalUnavailable
from baton.observer import LogObserver, Observer
from baton.worker.incoming import Incoming
from baton.worker.journal import Entry, Stage, WorkJournal
from baton.worker.performing import WORKER_RESTARTED, run_of
from baton.worker.pybit.status import Status, StatusReports

log = structlog.get_logger(__name__)

_STATUS = {State.SUCCEEDED: Status.DONE, State.BLOCKED: Status.BLOCKED}


class Ends:
    """Records the ends of jobs of the worker `name`, and tells them: the bot by `output`, PyBit by
    `status`."""

    def __init__(
        self,
        journal: WorkJournal,
        *,
        name: str,
        output: Observer,
        reports: Reports,
        status: StatusReports,
    ) -> None:
        self._journal = journal
        self._name = name
        self._output = output
        self._reports = reports
        self._status = status
        self._log = LogObserver()

    def observers(self, job: Incoming) -> tuple[Observer, ...]:
        """Return who hears of `job`."""
        return (self._output, self._log) if job.ours else (self._log,)

    async def record(self, job: Incoming, final: Update) -> None:
        """End `job` with its closing message."""
        if job.ours:
            self._log.notify(final)
            await self._reports.record(job.request, final)
            return
        try:
            await self._journal.end(job)
        except JournalUnavailable as error:
            log.error("journal unavailable", error=str(error))
        self._tell(job, final)

    async def close(self, job: Incoming, verdict: Verdict) -> None:
        """End `job` without a run."""
        await self.record(job, self._closing(job, verdict))

    def tell_known(self, job: Incoming, known: Entry) -> None:
        """Tell once more how a job ended that the journal knows."""
        if known.stage is Stage.CANCELLED:
            self._tell(job, self._closing(job, CANCELLED_BEFORE))
        elif (closing := known.closing) is not None:
            self._output.notify(closing)

    def _closing(self, job: Incoming, verdict: Verdict) -> Update:
        if verdict is WORKER_RESTARTED or job.look:  # nobody knows how many updates came before
            job = replace(job, sequence=LAST_SEQUENCE - 1)
        final = run_of(job, self._name, ()).close(verdict.state, verdict.text)
        assert isinstance(final, Update)
        return final

    def _tell(self, job: Incoming, final: Update) -> None:
        for observer in self.observers(job):
            observer.notify(final)
        if job.build is not None and final.state is not State.CANCELLED:  # PyBit did that
            self._status.report(job.build, _STATUS.get(final.state, Status.FAILED))
