"""The page of a job: its servers, its log, and what one can do about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from baton.bus.messages import State
from baton.outcome import duration, named
from bot.content import Button
from bot.holds import waits_for
from bot.jobs import CONSOLE, URGENCY, Job, Place, RunRecord, all_ended, counts, last_attempts
from bot.store.jobs.ledger import Ledger
from bot.store.output.log_window import LogView
from bot.waiting import (
    agreed_lines,
    asks,
    hold_lines,
    rollout_buttons,
    rollout_lines,
    vote_buttons,
    waiting_words,
)
from bot.web.console.access import Viewer
from bot.web.console.api.job_models import state_of
from bot.web.console.errors import NotAllowed, NotFound, Unavailable
from bot.web.console.feed.frame import hold_mark, line_json
from bot.web.console.feed.moment import RunThen, job_at
from bot.web.console.pages.job_log import (
    beside_of,
    count_of,
    log_json,
    view_of,
)
from bot.web.console.pages.pages import PageParts, routes
from bot.web.console.pages.rollout import waves_of
from bot.web.console.sign_in.passkeys import site_of, takes_passkeys

JOBS, LOG = "jobs", "log"
"""The commands that show in chat what a page shows: which jobs there are, and their output."""
MAX_NAMED = 8
"""Servers that a question names, at most."""
MAX_ROWS = 60
"""Servers that have a row of their own: those that need attention most."""
LAST_LINES = 200
"""Lines that the page has before a script fetches more."""


def job_routes(pages: PageParts) -> APIRouter:
    """Return the routes of the page of a job."""
    job = _JobPages(pages)
    router = routes()
    router.add_api_route("/jobs/{id}", job.page, methods=["GET"])
    router.add_api_route("/jobs/{id}/lines", job.lines, methods=["GET"])
    return router


@dataclass(frozen=True, slots=True)
class _JobPages:
    pages: PageParts

    async def page(self, request: Request, id: str) -> Response:
        """Return the page: what is on it works without scripts, as it was at this moment."""
        viewer = await self.pages.viewer(request)
        job, records = await self.pages.jobs.job(viewer, id, JOBS)
        window, refusal = None, ""
        try:
            await self.pages.jobs.job(viewer, job.id, LOG)
            window = await self._ledger.window(job.id, LogView(), LAST_LINES)
        except (NotAllowed, Unavailable) as error:
            refusal = str(error)
        runs = last_attempts(records)
        end = job.closed or self.pages.console.clock()
        return await self.pages.page(
            request,
            "job.html",
            viewer,
            job=job,
            runs=sorted(runs, key=lambda run: URGENCY.index(run.state)),
            overall=state_of(job, tuple(runs)).value,
            over=all_ended(runs) and bool(runs),
            counts=counts(runs),
            took=duration((end - job.asked).total_seconds()),
            where=_where(job.place),
            where_address=await self._post_address(job),
            named_open=_named(run for run in runs if not run.state.final),
            named_failed=_named(run for run in runs if run.state is not State.SUCCEEDED),
            named_all=_named(runs),
            most_rows=MAX_ROWS,
            most_named=MAX_NAMED,
            urgency=[state.value for state in URGENCY],
            final=[state.value for state in URGENCY if state.final],
            held=_held(job, runs) if not refusal else [],
            rollout=job.hold.rollout if job.hold is not None and job.hold.opened else None,
            waits=waiting_words(job),
            asks=asks(job),
            waves=waves_of(job, runs),
            said=rollout_buttons(job),
            votes=_votes(job, runs),
            passkey=self._passkey(viewer, job, runs),
            mark=hold_mark(job),
            broken=await self.pages.console.store.broken_freezes.of_job(job.id),
            refusal=refusal,
            notes=self.pages.jobs.outcome(job, records).lines if not refusal else (),
            lines=[line_json(line) for line in window.lines] if window is not None else [],
        )

    async def lines(
        self,
        request: Request,
        id: str,
        host: str = "",
        step: str = "",
        until: str = "",
        count: str = "500",
    ) -> Response:
        """Return some lines of the log, with the job and its runs at that moment."""
        viewer = await self.pages.viewer(request)
        query = request.query_params
        view = view_of(host, step, until)
        side, beside = beside_of(*(query.get(name, "") for name in ("before", "after", "from")))
        wanted = count_of(count)
        job, _ = await self.pages.jobs.job(viewer, id, LOG)
        window = await self._ledger.window(job.id, view, wanted, side, beside)
        if window is None:
            raise NotFound(detail=f"The job {job.id} is no longer kept.")
        runs = [RunThen(seen.run, seen.lines) for seen in window.runs]
        job = window.job
        if view.until is not None:
            said = await self._ledger.said(job.id, view.until)
            job, runs = job_at(job, [each.run for each in runs], said, view.until)
        return JSONResponse(log_json(window, job, runs))

    def _passkey(self, viewer: Viewer, job: Job, runs: Sequence[RunRecord]) -> bool:
        """Return whether there is a button to approve with a passkey: not for the asker, nor where
        browsers use none."""
        own = job.is_of(viewer.person, viewer.place.directory)
        can = viewer.session != "local" and bool(site_of(self.pages.console.url))
        return not own and can and takes_passkeys(job, runs, self.pages.console.clock())

    async def _post_address(self, job: Job) -> str:
        """Return the address of the post of `job` in its chat, or of the channel while there is no
        post; empty if neither can be opened in a browser."""
        address = self.pages.console.message_address
        if address is None or job.place.front == CONSOLE:
            return ""
        row = await self.pages.console.store.posts.shown_for(job.id, job.under)
        if row is None:
            return address(job.place, "")
        return address(Place(row.front, row.channel, row.thread), row.ref)

    @property
    def _ledger(self) -> Ledger:
        return self.pages.console.store.ledger


def _held(job: Job, runs: Sequence[RunRecord]) -> list[str]:
    """Return what `job` waits for, or what people have said about it."""
    if job.hold is None:
        return []
    if job.hold.opened is not None:
        return [*agreed_lines(job), *rollout_lines(job.hold, wave=False)]
    ended = all_ended(runs)
    words = "" if ended else waits_for(job.hold, job.votes, job.plan_digest, len(runs))
    return [*filter(None, [words[:1].upper() + words[1:]]), *hold_lines(job, ended=ended)]


def _votes(job: Job, runs: Sequence[RunRecord]) -> tuple[Button, ...]:
    """Return what people can press while `job` waits for them."""
    begun = job.hold is not None and job.hold.opened is not None
    return vote_buttons(job) if state_of(job, tuple(runs)) is State.HELD and not begun else ()


def _named(runs: Iterable[RunRecord]) -> str:
    return named([run.host for run in runs], MAX_NAMED) or "no server"


def _where(place: Place) -> str:
    if place.front == "slack" and place.name:
        return f"in #{place.name.removeprefix('#')}"
    return f"in {place.name or place.front}"
