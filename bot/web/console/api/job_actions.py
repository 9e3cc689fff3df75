"""`POST /api/v1/jobs/{id}/cancel`, `/retry`, `/repeat`, `/approve`, `/confirm`, `/deny` and
`/rollout`: asked in the words of chat."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from baton.bus.signing.approver_ring import MAX_TOKEN
from bot.rollout.said import Word
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

PlanName = Annotated[
    str,
    Query(
        pattern=r"^([0-9a-f]{8})?$",
        description="the first 8 digits of the plan that you have seen: another is not voted for",
    ),
]
SignatureName = Annotated[
    str,
    Query(
        max_length=MAX_TOKEN,
        pattern=r"^[A-Za-z0-9+/=:,.-]*$",
        description="your own signature of the plan, for servers that count them",
    ),
]
WordName = Annotated[
    Word,
    Query(description="no other server begins; it goes on; a server stays as it is; smaller waves"),
]
HostName = Annotated[
    str,
    Query(max_length=253, pattern=r"^[A-Za-z0-9._-]*$", description="the server to skip"),
]
Because = Annotated[str, Query(max_length=300, description="why, for whoever asked")]


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

    @routes.post("/{id}/approve", responses=answers)
    async def approve(
        request: Request,
        id: JobName,
        key: IdempotencyKey = None,
        plan: PlanName = "",
        signature: SignatureName = "",
    ) -> AskAnswer:
        """Approve a job that waits for others than its asker."""
        signed = f" --signature {signature}" if signature else ""
        return await ask(request, "approve {}" + _about(plan) + signed, id, key)

    @routes.post("/{id}/confirm", responses=answers)
    async def confirm(
        request: Request, id: JobName, key: IdempotencyKey = None, plan: PlanName = ""
    ) -> AskAnswer:
        """Confirm a job that you asked for."""
        return await ask(request, "confirm {}" + _about(plan), id, key)

    @routes.post("/{id}/deny", responses=answers)
    async def deny(
        request: Request, id: JobName, key: IdempotencyKey = None, because: Because = ""
    ) -> AskAnswer:
        """Deny a job that waits for people: it ends, and nothing is sent."""
        reason = because.replace("{", "{{").replace("}", "}}")
        return await ask(request, f"deny {{}} because {reason}" if reason else "deny {}", id, key)

    @routes.post("/{id}/rollout", responses=answers)
    async def rollout(
        request: Request,
        id: JobName,
        word: WordName,
        key: IdempotencyKey = None,
        host: HostName = "",
    ) -> AskAnswer:
        """Say something to a job that goes through its servers in waves."""
        about = f" --host {host}" if host else ""
        return await ask(request, f"rollout {{}} {word.value}{about}", id, key)

    return routes


def _about(plan: str) -> str:
    return f" --plan {plan}" if plan else ""
