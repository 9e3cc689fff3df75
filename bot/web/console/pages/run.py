"""Run: a form for each command, what it would reach, and the slash command that it equals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from baton.command import Command, Reach
from baton.errors import UsageError
from baton.extensions import Commands
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
from bot.dispatch.gates.words import without_rollout
from bot.dispatch.plan import Plan, Times
from bot.dispatch.reply import Reply, ReplyKind
from bot.dispatch.rollout_form import PREFIX as OF_ROLLOUT
from bot.dispatch.rollout_form import rolled, rollout_fields, rollout_filled, rollout_words
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


@dataclass(frozen=True, slots=True)
class Filled:
    """What a form says: the fields of its command, of its rollout, and when it is to run."""

    fields: Mapping[str, str] = field(default_factory=dict)
    rollout: Mapping[str, str] = field(default_factory=dict)
    when: str = ""

    @classmethod
    def of(cls, form: Mapping[str, str]) -> Filled:
        """Return what `form`, or the query of an address, says."""
        when = form.get(WHEN, "").strip()[:MAX_WHEN]
        return cls(filled_in(form), rollout_filled(form), when)

    @property
    def inputs(self) -> dict[str, str]:
        """What it says by the names of the inputs of the form."""
        fields = {f"{PREFIX}{name}": value for name, value in self.fields.items()}
        rollout = {f"{OF_ROLLOUT}{name}": value for name, value in self.rollout.items()}
        return {**fields, **rollout, **({WHEN: self.when} if self.when else {})}

    @property
    def query(self) -> str:
        """It as the query of an address."""
        return query(self.inputs)

    def text(self, commands: Commands, name: str) -> str:
        """Return the slash command that it equals. Raises UsageError."""
        words = words_from(commands, name, self.fields)
        return scheduled(rolled(words, rollout_words(self.rollout), self.when), self.when)


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
        return await self._form(request, viewer, name, Filled.of(query))

    async def ask(self, request: Request, name: str) -> Response:
        """Ask what the form says; or show it again with what is wrong at the field."""
        viewer = await self._pages.viewer(request)
        command, form = self._command(name), await read_form(request)
        filled = Filled.of(form)
        try:
            text = filled.text(self._commands, command.name)
        except UsageError as error:
            return await self._form(request, viewer, name, filled, error.problem, error.field)
        reply = await self._pages.asking.ask(viewer, text, form.get("key", "")[:MAX_KEY])
        if reply.kind is ReplyKind.UNUSABLE:
            return await self._form(request, viewer, name, filled, reply.text, reply.field)
        back = "/schedules" if filled.when and reply.ok else f"/run/{name}{filled.query}"
        return await answered(self._pages, request, viewer, text, reply, back)

    async def plan(self, request: Request, name: str) -> Response:
        """Show what the form, as it is filled in, would reach."""
        viewer = await self._pages.viewer(request)
        command, filled = self._command(name), Filled.of(request.query_params)
        wrong, text, found = "", "", None
        try:
            text = filled.text(self._commands, command.name)
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
            empty=not filled.fields,
            times=_local(plan.times) if plan and plan.times else [],
            reached=await self._reached(viewer, plan) if plan else [],
        )

    async def typed(self, request: Request, text: str = "") -> Response:
        """Return, for the script of the page, which fields the slash command `text` fills in."""
        await self._pages.viewer(request)
        try:
            command, filled = self._read(text[:MAX_TYPED])
        except UsageError as error:
            return JSONResponse({"problem": error.problem})
        fields = form_fields(command, {}, filled.fields)
        shown = {one.name: one.value for one in fields if one.value}
        inputs = replace(filled, fields=shown).inputs
        return JSONResponse({"command": command.name, "fields": inputs})

    async def _reached(self, viewer: Viewer, plan: Plan) -> list[Reached]:
        seen = {one.host: one for one in (await self._pages.servers.read(viewer)).servers}
        return [Reached(host, seen.get(host)) for host in plan.hosts]

    async def _form(
        self,
        request: Request,
        viewer: Viewer,
        name: str,
        filled: Filled,
        problem: str = "",
        field: str = "",
        typed: str = "",
    ) -> Response:
        command = self._command(name)
        values = known_values(await self._pages.servers.read(viewer))
        wrong = {field: problem} if problem else {}
        fields = form_fields(command, values, filled.fields, wrong)
        can_wait = schedulable(command)
        at_field = any(one.wrong for one in fields)
        rollout = rollout_fields(command, filled.rollout, {} if at_field else wrong)
        at_field = at_field or any(one.wrong for one in rollout)
        at_time = can_wait and field == WHEN and not at_field
        return await self._pages.renderer.page(
            request,
            "run_command.html",
            viewer,
            status=HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK,
            command=command,
            fields=fields,
            prefix=PREFIX,
            rollout=rollout,
            rollout_prefix=OF_ROLLOUT,
            query=filled.query,
            text=typed or self._text(command, filled),
            problem="" if at_field or at_time else problem,
            schedulable=can_wait,
            when=filled.when,
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
            self._read(typed)
        except UsageError as error:
            problem, field = error.problem, error.field
            return await self._form(request, viewer, name, Filled(), problem, field, typed)
        return await self._form_of(request, viewer, typed)

    async def _form_of(self, request: Request, viewer: Viewer, text: str) -> Response:
        """Lead to the form of what is typed; of no command that there is, say so, and keep it."""
        try:
            command, filled = self._read(text)
        except UsageError as error:
            name = text.split()[0].removeprefix("/").lower()
            if name not in self._commands:
                return await self._choice(request, viewer, text, error.problem)
            return RedirectResponse(f"/run/{name}{query({TYPED: text})}", HTTPStatus.SEE_OTHER)
        address = f"/run/{command.name}{filled.query}"
        return RedirectResponse(address, HTTPStatus.SEE_OTHER)

    def _read(self, text: str) -> tuple[type[Command], Filled]:
        """Return the command that `text` asks for, and what its form says then. Raises
        UsageError."""
        rest, rollout = without_rollout(text, self._commands)
        words, when = apart(self._commands, rest, self._pages.console.clock())
        command = self._commands.parse(words)
        return type(command), Filled(filled_from(command, words), rollout, when)

    def _text(self, command: type[Command], filled: Filled) -> str:
        try:
            return filled.text(self._commands, command.name)
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


def _local(times: Times) -> list[tuple[str, datetime]]:
    """Return each time as the clocks of its zone show it, and itself."""
    clocks = zone(times.zone)
    return [(f"{at.astimezone(clocks):%a %d %b %Y, %H:%M}", at) for at in times.next]
