"""`/api/v1/asks`, `/plans` and `/commands`: what can be asked, and asking it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from baton.command import words_of
from baton.errors import UsageError
from baton.extensions import Commands
from baton.fields import FieldSpec, fields_of
from bot.dispatch.gates.finding import Finding, state_of
from bot.dispatch.plan import Plan
from bot.dispatch.reply import Reply
from bot.web.console.access import Access
from bot.web.console.api.models import AnswerTable, IdempotencyKey, problems
from bot.web.console.api.servers import LiveShown, live_on
from bot.web.console.asking import Asking, error_of
from bot.web.console.errors import Unusable
from bot.web.console.reading.servers import SeenServer, ServerReading

MAX_TEXT = 8_000


class AskBody(BaseModel):
    """A request, in the words of chat or as a command with its arguments: one of the two."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"text": "deploy shop prod"}]},
    )

    text: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_TEXT,
        description="what one would type in chat, such as deploy shop prod",
    )
    command: str | None = Field(
        None, min_length=1, max_length=64, description="the name of a command, such as deploy"
    )
    arguments: dict[str, JsonValue] = Field(
        default_factory=dict, max_length=100, description="the fields of the command, by name"
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> AskBody:
        if (self.text is None) == (self.command is None):
            raise ValueError("text or command is needed, and not both")
        if self.text is not None and self.arguments:
            raise ValueError("arguments belong to a command: text holds them already")
        return self


class AskAnswer(BaseModel):
    """What became of a request that was done or has started."""

    ok: bool = Field(description="always true: what is not done is answered as a problem")
    kind: str = Field(description="done, or started if it started the job")
    text: str = Field(description="what the person is told, in words; it may be empty")
    answer: AnswerTable | None = Field(description="the table or text that it was answered with")
    job: str = Field(description="the ID of the job that it started or is about; else empty")
    url: str = Field(description="the page of the job; else empty")


class ReachedServer(BaseModel):
    """A server that a request would reach."""

    host: str
    live: dict[str, LiveShown] = Field(
        description="what is live on it, by app, as far as it is known"
    )
    missing: bool = Field(description="whether it is silent for longer than it should be")


class GateShown(BaseModel):
    """What one gate says of a request."""

    gate: str = Field(description="permission, freeze, lock, approval, confirm or settings")
    ok: bool = Field(description="whether it is open")
    state: str = Field(description="open, closed, waits, or unknown if it cannot be decided now")
    text: str = Field(description="why, in one or two sentences")
    whom: str = Field(description="who can change that; else empty")
    until: datetime | None = Field(description="when it ends by itself, if that is known")


class PlanAnswer(BaseModel):
    """What a request would reach if somebody asked for it now. Nothing was done."""

    text: str = Field(description="the slash command that it equals")
    command: str
    title: str = Field(description="what its post would call it")
    environment: str = Field(description="the environment, or several with commas between")
    app: str | None
    servers: list[ReachedServer]
    allowed: bool | None = Field(
        description="whether the person may ask for it; null if that is decided when they ask"
    )
    why: str = Field(description="why it is not allowed, and what to do; else empty")
    gates: list[GateShown] = Field(description="what every gate says; empty if there is none")
    times: list[datetime] = Field(description="the next times of a schedule; else empty")
    zone: str = Field(description="the time zone in which a schedule says its times; else empty")


class CommandField(BaseModel):
    """A field of a command."""

    name: str
    label: str = Field(description="what errors call it: APP, --ref")
    help: str
    required: bool
    positional: bool = Field(description="whether it is a word in its place, and no option")
    flag: bool = Field(description="whether it is on or off")
    many: bool = Field(description="whether it takes several values")
    choices: list[str] = Field(description="the values that it takes, if they are known")
    examples: list[str] = Field(description="values that it may take, among others")


class CommandShown(BaseModel):
    """A command that can be asked."""

    name: str
    summary: str = Field(description="what it does, in one line")
    usage: str
    help: str
    changes: bool = Field(description="whether it changes servers")
    fields: list[CommandField]


class CommandList(BaseModel):
    """Every command that can be asked, by name."""

    commands: list[CommandShown]


def ask_routes(
    asking: Asking, access: Access, commands: Commands, servers: ServerReading, url: str
) -> APIRouter:
    """Return the routes that take what people ask. `url` is the address of the console."""
    routes = APIRouter(tags=["asks"])

    @routes.post("/asks", responses=problems(408, 409, 413, 429, 500))
    async def ask(request: Request, body: AskBody, key: IdempotencyKey = None) -> AskAnswer:
        """Ask for something, as one would in chat. It is allowed, recorded and limited as there."""
        viewer = await access.viewer(request)
        return ask_answer(await asking.ask(viewer, words(commands, body), key or ""), url)

    @routes.post("/plans", responses=problems(408, 413, 429))
    async def plan(request: Request, body: AskBody) -> PlanAnswer:
        """Say what a request would reach. Nothing is done or recorded: a token that may
        only read is enough."""
        viewer = await access.viewer(request, only_reads=True)
        found = await asking.plan(viewer, words(commands, body))
        if isinstance(found, Reply):
            raise error_of(found) or Unusable(detail=found.text)
        seen = {one.host: one for one in (await servers.read(viewer)).servers}
        return _plan_answer(found, seen)

    @routes.get("/commands", responses=problems())
    async def list_commands(request: Request) -> CommandList:
        """List the commands, each with its fields."""
        await access.viewer(request)
        shown = [_command(commands, name) for name in sorted(commands)]
        return CommandList(commands=shown)

    return routes


def words(commands: Commands, body: AskBody) -> str:
    """Return the words that `body` asks. Raises Unusable."""
    if body.text is not None:
        return body.text
    assert body.command is not None
    try:
        return words_of(commands.build(body.command, body.arguments))
    except UsageError as error:
        raise Unusable(detail=str(error), field=error.field) from error


def ask_answer(reply: Reply, url: str) -> AskAnswer:
    """Return `reply` as the API shows it. Raises ConsoleError if it was not done."""
    error = error_of(reply)
    if error is not None:
        raise error
    return AskAnswer(
        ok=True,
        kind=reply.kind,
        text=reply.text,
        answer=AnswerTable.of(reply.answer) if reply.answer is not None else None,
        job=reply.job,
        url=f"{url}/jobs/{reply.job}" if reply.job else "",
    )


def _plan_answer(plan: Plan, seen: Mapping[str, SeenServer]) -> PlanAnswer:
    return PlanAnswer(
        text=plan.text,
        command=plan.command.name,
        title=plan.title,
        environment=plan.environment,
        app=plan.app,
        servers=[_reached(host, seen.get(host)) for host in plan.hosts],
        allowed=plan.allowed,
        why=plan.refusal.text if plan.refusal is not None else "",
        gates=[_gate(one) for one in plan.findings],
        times=list(plan.times.next) if plan.times is not None else [],
        zone=plan.times.zone if plan.times is not None else "",
    )


def _gate(one: Finding) -> GateShown:
    return GateShown(
        gate=one.gate,
        ok=one.ok,
        state=state_of(one),
        text=one.text,
        whom=one.whom,
        until=one.until,
    )


def _reached(host: str, seen: SeenServer | None) -> ReachedServer:
    missing = seen is not None and seen.silent
    return ReachedServer(host=host, live=live_on(seen), missing=missing)


def _command(commands: Commands, name: str) -> CommandShown:
    command: Any = commands[name].command
    return CommandShown(
        name=name,
        summary=command.summary(),
        usage=command.usage(),
        help=command.help(),
        changes=command.changes,
        fields=[_field(spec) for spec in fields_of(command)],
    )


def _field(spec: FieldSpec) -> CommandField:
    return CommandField(
        name=spec.name,
        label=spec.label,
        help=spec.help,
        required=spec.required,
        positional=spec.positional,
        flag=spec.flag,
        many=spec.many,
        choices=list(spec.choices),
        examples=list(spec.examples),
    )
