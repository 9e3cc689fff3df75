"""Run: a form for each command, what it would reach, and the slash command that it equals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from baton.command import Command, Reach
from baton.errors import UsageError
from baton.text.words import cited, did_you_mean
from baton.timing.calendar import zone
from bot.dispatch.command_form import (
    PREFIX,
    WHEN_HELP,
    apart,
    filled_from,
    filled_in,
    form_fields,
    schedulable,
    scheduled,
    words_from,
)
from bot.dispatch.gates.finding import state_of
from bot.dispatch.plan import Plan, Times
from bot.dispatch.reply import Reply, ReplyKind
from bot.schedules.scanner import WHEN
from bot.web.console.access import Viewer
from bot.web.console.errors import NotFound
from bot.web.console.pages.asking import MAX_KEY, answered
from bot.web.console.pages.forms import read_form
from bot.web.console.pages.pages import PageParts, routes
from bot.web.console.pages.rendering import query
from bot.web.console.pages.typing_help import known_values
from bot.web.console.reading.servers import SeenServer

MAX_TYPED = 8_000
TYPED = "typed"
"""What was typed, in the address of a form that could not be filled in from it."""
MAX_WHEN = 500
"""Characters that say when a command is to run."""


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
            return await self._form_of(request, viewer, text[:MAX_TYPED])
        return await self._choice(request, viewer)

    async def _choice(
        self, request: Request, viewer: Viewer, typed: str = "", problem: str = ""
    ) -> Response:
        commands = [self._commands[name].command for name in sorted(self._commands)]
        servers = [one for one in commands if one.reach in (Reach.EACH, Reach.ALL)]
        groups = {
            "Change servers": [one for one in servers if one.changes],
            "Look at servers": [one for one in servers if not one.changes],
            "Give to a worker": [one for one in commands if one.reach is Reach.QUEUE],
            "Ask the bot": [one for one in commands if one.reach is Reach.HERE],
        }
        visible = set((await self._pages.servers.read(viewer)).environments)
        runners = {
            name: one
            for name, one in self._commands.runners().items()
            if visible.issuperset(one.environments)
        }
        return await self._pages.renderer.page(
            request,
            "run.html",
            viewer,
            status=HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK,
            groups=groups,
            runners=runners,
            typed=typed,
            problem=problem,
        )

    async def show(self, request: Request, name: str) -> Response:
        """Show the form of a command, filled in as the address says."""
        viewer = await self._pages.viewer(request)
        query = request.query_params
        typed = query.get(TYPED, "")[:MAX_TYPED]
        if typed.strip():
            return await self._form_of_wrong(request, viewer, name, typed)
        return await self._form(request, viewer, name, filled_in(query), _when(query))

    async def ask(self, request: Request, name: str) -> Response:
        """Ask what the form says; or show it again with what is wrong at the field."""
        viewer = await self._pages.viewer(request)
        command, form = self._command(name), await read_form(request)
        filled, when = filled_in(form), _when(form)
        try:
            text = scheduled(words_from(self._commands, command.name, filled), when)
        except UsageError as error:
            return await self._form(request, viewer, name, filled, when, error.problem, error.field)
        reply = await self._pages.asking.ask(viewer, text, form.get("key", "")[:MAX_KEY])
        if reply.kind is ReplyKind.UNUSABLE:
            return await self._form(request, viewer, name, filled, when, reply.text, reply.field)
        back = "/schedules" if when and reply.ok else f"/run/{name}{_query(filled, when)}"
        return await answered(self._pages, request, viewer, text, reply, back)

    async def plan(self, request: Request, name: str) -> Response:
        """Show what the form, as it is filled in, would reach."""
        viewer = await self._pages.viewer(request)
        query = request.query_params
        command, filled = self._command(name), filled_in(query)
        wrong, text, found = "", "", None
        try:
            text = scheduled(words_from(self._commands, command.name, filled), _when(query))
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
            gate_state=state_of,
            empty=not filled,
            times=_local(plan.times) if plan and plan.times else [],
            reached=await self._reached(viewer, plan) if plan else [],
        )

    async def typed(self, request: Request, text: str = "") -> Response:
        """Return, for the script of the page, which fields the slash command `text` fills in."""
        await self._pages.viewer(request)
        try:
            words, when = self._apart(text[:MAX_TYPED])
            command = self._commands.parse(words)
        except UsageError as error:
            return JSONResponse({"problem": error.problem})
        filled = filled_from(command, words)
        shown = {one.name: one.value for one in form_fields(type(command), {}, filled) if one.value}
        fields = _named(shown, when)
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
        when: str,
        problem: str = "",
        field: str = "",
        typed: str = "",
    ) -> Response:
        command = self._command(name)
        values = known_values(await self._pages.servers.read(viewer))
        fields = form_fields(command, values, filled, {field: problem} if problem else {})
        can_wait = schedulable(command)
        at_field = any(one.wrong for one in fields)
        at_time = can_wait and field == WHEN and not at_field
        return await self._pages.renderer.page(
            request,
            "run_command.html",
            viewer,
            status=HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK,
            command=command,
            fields=fields,
            prefix=PREFIX,
            query=_query(filled, when),
            text=typed or self._text(command, filled, when),
            problem="" if at_field or at_time else problem,
            schedulable=can_wait,
            when=when,
            when_name=WHEN,
            when_help=WHEN_HELP,
            when_wrong=problem if at_time else "",
        )

    async def _form_of_wrong(
        self, request: Request, viewer: Viewer, name: str, typed: str
    ) -> Response:
        """Show the form of what was `typed`, which cannot be followed: with what is wrong with it,
        and as it was typed."""
        try:
            self._commands.parse(typed)
        except UsageError as error:
            problem, field = error.problem, error.field
            return await self._form(request, viewer, name, {}, "", problem, field, typed)
        return await self._form_of(request, viewer, typed)

    async def _form_of(self, request: Request, viewer: Viewer, text: str) -> Response:
        """Lead to the form of what is typed; of no command that there is, say so, and keep it."""
        try:
            words, when = self._apart(text)
            command = self._commands.parse(words)
        except UsageError as error:
            name = text.split()[0].removeprefix("/").lower()
            if name not in self._commands:
                return await self._choice(request, viewer, text, error.problem)
            return RedirectResponse(f"/run/{name}{query({TYPED: text})}", HTTPStatus.SEE_OTHER)
        address = f"/run/{command.name}{_query(filled_from(command, words), when)}"
        return RedirectResponse(address, HTTPStatus.SEE_OTHER)

    def _apart(self, text: str) -> tuple[str, str]:
        return apart(self._commands, text, self._pages.console.clock())

    def _text(self, command: type[Command], filled: Mapping[str, str], when: str) -> str:
        try:
            return scheduled(words_from(self._commands, command.name, filled), when)
        except UsageError:
            return f"/{command.name} "

    def _command(self, name: str) -> type[Command]:
        known = self._commands.get(name)
        if known is None:
            hint = did_you_mean(name, self._commands)
            raise NotFound(
                detail=f"There is no command {cited(name)}.{hint} All are on the page Run."
            )
        return known.command


def _when(form: Mapping[str, str]) -> str:
    """Return when a form says that its command is to run; empty for now."""
    return form.get(WHEN, "").strip()[:MAX_WHEN]


def _named(filled: Mapping[str, str], when: str) -> dict[str, str]:
    """Return what a form is filled in with, by the names of its inputs."""
    fields = {f"{PREFIX}{name}": value for name, value in filled.items()}
    return {**fields, WHEN: when} if when else fields


def _query(filled: Mapping[str, str], when: str) -> str:
    return query(_named(filled, when))


def _local(times: Times) -> list[tuple[str, datetime]]:
    """Return each time as the clocks of its zone show it, and itself."""
    clocks = zone(times.zone)
    return [(f"{at.astimezone(clocks):%a %d %b %Y, %H:%M}", at) for at in times.next]
