"""History: the jobs of the past, by who, what, where, when and how they went."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from bot.dispatch.command_form import MAX_OPTIONS
from bot.store.jobs.history import JobOutcome
from bot.web.console.api.jobs import HistoryQuery, history_position
from bot.web.console.api.problems import API
from bot.web.console.pages.pages import PageParts, routes
from bot.web.console.pages.rendering import query

PAGE = 50
"""Jobs of a page."""
MAX_VALUE = 200
"""Characters of a filter."""


def history_routes(pages: PageParts) -> APIRouter:
    """Return the route of the history."""
    router = routes()

    @router.get("/jobs")
    async def history(request: Request) -> Response:
        viewer = await pages.viewer(request)
        given = {
            name: request.query_params.get(name, "")[:MAX_VALUE]
            for name in HistoryQuery.model_fields
        }
        wanted, wrong = read_filter(given)
        before = request.query_params.get("before", "")
        found = await pages.jobs.history(viewer, wanted.filter(), history_position(before), PAGE)
        servers = await pages.servers.read(viewer)
        return await pages.renderer.page(
            request,
            "history.html",
            viewer,
            status=HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
            found=found,
            given=given,
            wrong=wrong,
            filtered=any(given.values()),
            outcomes=[one.value for one in JobOutcome],
            commands=sorted(pages.console.commands),
            environments=servers.environments,
            apps=servers.apps,
            hosts=[one.host for one in servers.servers][:MAX_OPTIONS],
            before=before,
            older=query({**given, "before": found.next}) if found.next else "",
            newest=query(given),
            csv=f"{API}/jobs{query({**given, 'format': 'csv'})}",
            json=f"{API}/jobs{query(given)}",
        )

    return router


def read_filter(given: dict[str, str]) -> tuple[HistoryQuery, dict[str, str]]:
    """Return what `given` looks for, and by field what of it is wrong and left out."""
    filled = {name: value for name, value in given.items() if value.strip()}
    wrong: dict[str, str] = {}
    while True:
        try:
            return HistoryQuery.model_validate(filled), wrong
        except ValidationError as error:
            for each in error.errors():
                name = str(each["loc"][0])
                filled.pop(name, None)
                wrong[name] = _WRONG.get(name, "This cannot be used.")


_WRONG = {
    "since": "Write a day, such as 2026-11-26.",
    "until": "Write a day, such as 2026-11-26.",
    "state": f"One of {', '.join(JobOutcome)}.",
}
