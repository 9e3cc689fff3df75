"""Run: a form for each command, what it would reach, and the slash command that it equals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from baton.command import Command, Reach
from baton.errors import UsageError
from bot.dispatch.plan import Plan
from bot.dispatch.reply import Reply, ReplyKind
from bot.web.console.access import Viewer
from bot.web.console.errors import NotFound
from bot.web.console.pages.asking import MAX_KEY, answered
from bot.web.console.pages.command_form import (
    PREFIX,
    filled_from,
    filled_in,
    form_fields,
    words_from,
)
from bot.web.console.pages.forms import read_form
from bot.web.console.pages.pages import PageParts, routes
from bot.web.console.pages.typing_help import known_values
from bot.web.console.reading.servers import SeenServer

MAX_TYPED = 8_000


@dataclass(frozen=True, slots=True)
class Reached:
    """A server that a request would reach, with what is live on it, if the viewer may see it."""

    host: str
    seen: SeenServer | None


def run_routes(pages: PageParts) -> APIRouter:
    """Return the routes of the forms of commands."""
    router, forms = routes(), RunPages(pages)
    router.add_api_route("/run", forms.choose, methods=["GET"])
    router.add_api_route("/run/typed", forms.typed, methods=["GET"])
    router.add_api_route("/run/{name}/plan", forms.plan, methods=["GET"])
    router.add_api_route("/run/{name}", forms.show, methods=["GET"])
    router.add_api_route("/run/{name}", forms.ask, methods=["POST"])
    return router


class RunPages:
    """The pages that ask by form."""

    def __init__(self, pages: PageParts) -> None:
        self._pages = pages
        self._commands = pages.console.commands

    async def choose(self, request: Request, text: str = "") -> Response:
        """Show the commands; or the form of what is typed as `text`."""
        viewer = await self._pages.viewer(request)
        if text.strip():
            return self._form_of(text[:MAX_TYPED])
        commands = [self._commands[name].command for name in sorted(self._commands)]
        groups = {
            "Change servers": [one for one in commands if _of_servers(one) and one.changes],
            "Look at servers": [one for one in commands if _of_servers(one) and not one.changes],
            "Ask the bot": [one for one in commands if not _of_servers(one)],
        }
        return await self._pages.page(request, "run.html", viewer, groups=groups)

    async def show(self, request: Request, name: str) -> Response:
        """Show the form of a command, filled in as the address says."""
        viewer = await self._pages.viewer(request)
        return await self._form(request, viewer, name, filled_in(request.query_params))

    async def ask(self, request: Request, name: str) -> Response:
        """Ask what the form says; or show it again with what is wrong at the field."""
        viewer = await self._pages.viewer(request)
        command, form = self._command(name), await read_form(request)
        filled = filled_in(form)
        try:
            text = words_from(self._commands, command.name, filled)
        except UsageError as error:
            return await self._form(request, viewer, name, filled, error.problem, error.field)
        reply = await self._pages.asking.ask(viewer, text, form.get("key", "")[:MAX_KEY])
        if reply.kind is ReplyKind.UNUSABLE:
            return await self._form(request, viewer, name, filled, reply.text, reply.field)
        return await answered(
            self._pages, request, viewer, text, reply, f"/run/{name}{_query(filled)}"
        )

    async def plan(self, request: Request, name: str) -> Response:
        """Show what the form, as it is filled in, would reach."""
        viewer = await self._pages.viewer(request)
        command, filled = self._command(name), filled_in(request.query_params)
        wrong, text, found = "", "", None
        try:
            text = words_from(self._commands, command.name, filled)
            found = await self._pages.asking.plan(viewer, text)
        except UsageError as error:
            wrong = error.problem
        if isinstance(found, Reply):
            wrong = found.text
        plan = found if isinstance(found, Plan) else None
        return await self._pages.page(
            request,
            "run_plan.html",
            viewer,
            command=command,
            text=text,
            plan=plan,
            wrong=wrong,
            empty=not filled,
            reached=await self._reached(viewer, plan) if plan else [],
        )

    async def typed(self, request: Request, text: str = "") -> Response:
        """Return, for the script of the page, which fields the slash command `text` fills in."""
        await self._pages.viewer(request)
        try:
            command = self._commands.parse(text[:MAX_TYPED])
        except UsageError as error:
            return JSONResponse({"problem": error.problem})
        fields = {f"{PREFIX}{key}": value for key, value in filled_from(command, text).items()}
        return JSONResponse({"command": command.name, "fields": fields})

    async def _reached(self, viewer: Viewer, plan: Plan) -> list[Reached]:
        seen = {one.host: one for one in (await self._pages.servers.read(viewer)).servers}
        return [Reached(host, seen.get(host)) for host in plan.hosts]

    async def _form(
        self,
        request: Request,
        viewer: Viewer,
        name: str,
        filled: Mapping[str, str],
        problem: str = "",
        field: str = "",
    ) -> Response:
        command = self._command(name)
        values = known_values(await self._pages.servers.read(viewer))
        wrong = {field: problem} if problem else {}
        fields = form_fields(command, values, filled, wrong)
        shown_at_field = any(one.wrong for one in fields)
        return await self._pages.renderer.page(
            request,
            "run_command.html",
            viewer,
            status=HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK,
            command=command,
            fields=fields,
            prefix=PREFIX,
            query=_query(filled),
            text=self._text(command, filled),
            problem="" if shown_at_field else problem,
        )

    def _form_of(self, text: str) -> Response:
        try:
            command = self._commands.parse(text)
        except UsageError:
            name = text.split()[0].removeprefix("/").lower()
            return RedirectResponse(f"/run/{name}" if name in self._commands else "/run", 303)
        address = f"/run/{command.name}{_query(filled_from(command, text))}"
        return RedirectResponse(address, HTTPStatus.SEE_OTHER)

    def _text(self, command: type[Command], filled: Mapping[str, str]) -> str:
        try:
            return words_from(self._commands, command.name, filled)
        except UsageError:
            return f"/{command.name} "

    def _command(self, name: str) -> type[Command]:
        known = self._commands.get(name)
        if known is None:
            raise NotFound(detail="There is no such command. All commands are on the page Run.")
        return known.command


def _query(filled: Mapping[str, str]) -> str:
    fields = {f"{PREFIX}{name}": value for name, value in filled.items()}
    return f"?{urlencode(fields)}" if fields else ""


def _of_servers(command: Any) -> bool:
    return bool(command.reach is not Reach.HERE)
