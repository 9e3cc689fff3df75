"""`POST /api/v1/jobs/{id}/cancel`, `/retry` and `/repeat`: asked in the words of chat."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request

from bot.store.jobs.ledger import Ledger
from bot.web.console.access import Access
from bot.web.console.api.asks import AskAnswer, ask_answer
from bot.web.console.api.models import IdempotencyKey, problems
from bot.web.console.asking import Asking
from bot.web.console.errors import NotFound

JobName = Annotated[
    str,
    Path(
        min_length=4,
        max_length=32,
        pattern=r"^[A-Za-z0-9]+$",
        description="the ID of a job, or at least four characters of its beginning",
    ),
]


def job_action_routes(asking: Asking, access: Access, ledger: Ledger, url: str) -> APIRouter:
    """Return the routes that do something with a job. `url` is the address of the console."""
    routes = APIRouter(prefix="/jobs", tags=["jobs"])
    answers = problems(404, 408, 409, 413, 429, 500)

    async def ask(request: Request, words: str, id: str, key: str | None) -> AskAnswer:
        viewer = await access.viewer(request)
        found = await ledger.find(id.lower())
        if found is None:
            raise NotFound(detail=f"No job, or more than one, has an ID that begins with {id}.")
        text = words.format(found[0].id)
        return ask_answer(await asking.ask(viewer, text, key or ""), url)

    @routes.post("/{id}/cancel", responses=answers)
    async def cancel(request: Request, id: JobName, key: IdempotencyKey = None) -> AskAnswer:
        """Cancel what is left of a job. To cancel one that has ended changes nothing."""
        return await ask(request, "cancel {}", id, key)

    @routes.post("/{id}/retry", responses=answers)
    async def retry(request: Request, id: JobName, key: IdempotencyKey = None) -> AskAnswer:
        """Run a job again, with the same options, on the servers where it did not succeed."""
        return await ask(request, "retry {}", id, key)

    @routes.post("/{id}/repeat", responses=answers)
    async def repeat(request: Request, id: JobName, key: IdempotencyKey = None) -> AskAnswer:
        """Run a job again, with the same options, on all servers that it reaches today."""
        return await ask(request, "retry {} --all", id, key)

    return routes
