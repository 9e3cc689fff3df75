"""Asking from a page: every change goes to the dispatcher in the words that chat would take."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from bot.dispatch.reply import Reply, ReplyKind
from bot.web.console.access import Viewer
from bot.web.console.asking import error_of
from bot.web.console.errors import Unusable
from bot.web.console.pages.forms import read_form
from bot.web.console.pages.pages import PageParts, routes
from bot.web.console.sign_in.requests import safe_next

MAX_KEY = 100
"""Characters of the key of a form."""
_NOT_DONE = (ReplyKind.REFUSED, ReplyKind.UNDECIDED, ReplyKind.UNUSABLE, ReplyKind.LIMITED)


def ask_routes(pages: PageParts) -> APIRouter:
    """Return the route that takes what is asked on any page."""
    router = routes()

    @router.post("/ask")
    async def ask(request: Request) -> Response:
        viewer = await pages.viewer(request)
        form = await read_form(request)
        text = asked_text(form)
        reply = await pages.asking.ask(viewer, text, form.get("key", "")[:MAX_KEY])
        return await answered(pages, request, viewer, text, reply, form.get("back", ""))

    return router


def asked_text(form: Mapping[str, str]) -> str:
    """Return the words that a form asks: what was typed or what a button says, between what the
    form puts `before` and `after` it; and, of a silence, the time and the reason that were chosen.
    Raises Unusable."""
    text = form.get("text", "").strip()
    if not text:
        raise Unusable(detail="Nothing was typed. Type a command, such as /help.", field="text")
    words = [form.get("before", "").strip(), text, form.get("after", "").strip()]
    if "choice" in form:
        words += ["for", form["choice"].strip(), "because", form.get("reason", "").strip()]
    return " ".join(filter(None, words))


def may_have_changed(reply: Reply) -> bool:
    """Return whether what a page lists may be out of date after `reply`, so that it is read again.
    A table, a document, a question and a refusal change none of it."""
    return reply.answer is None and reply.form is None and reply.kind not in _NOT_DONE


async def answered(
    pages: PageParts, request: Request, viewer: Viewer, text: str, reply: Reply, back: str
) -> Response:
    """Return the page of the job that was started, or what the bot answered."""
    htmx = "hx-request" in request.headers
    if reply.kind is ReplyKind.STARTED:
        address = f"/jobs/{reply.job}"
        if htmx:
            return Response(status_code=204, headers={"HX-Redirect": address})
        return RedirectResponse(address, HTTPStatus.SEE_OTHER)
    if htmx:
        headers = {"HX-Trigger": "changed"} if may_have_changed(reply) else {}
        return await pages.renderer.page(
            request, "answer_part.html", viewer, headers=headers, reply=reply, asked=text
        )
    error = error_of(reply)
    return await pages.renderer.page(
        request,
        "answer.html",
        viewer,
        status=200 if error is None else error.status,
        headers=error.headers if error is not None else {},
        reply=reply,
        asked=text,
        back=safe_next(back),
    )
