"""`baton servers | alerts | schedule | audit`: what the console has lists of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, NoReturn

import typer

from bot.cli.console.chat import ChatGroup, add_chat
from bot.cli.console.jobs import BeforeOption, LimitOption, SinceOption, UntilOption, sent
from bot.cli.console.session import ConsoleSession, JsonOption, run, say, show, show_json
from bot.cli.console.table import cell, table
from bot.jobs import SHORT_ID

EnvironmentOption = Annotated[
    str, typer.Option("--environment", "--env", help="Only those of this environment.")
]
Item = Mapping[str, Any]
Row = Callable[[Item], Sequence[object]]

schedule_app = typer.Typer(
    cls=ChatGroup,
    help="Show the schedules. Other words go to the bot as in chat: schedule ping prod every 5m.",
    invoke_without_command=True,
    rich_markup_mode=None,
)
add_chat(schedule_app)

audit_app = typer.Typer(cls=ChatGroup, invoke_without_command=True, rich_markup_mode=None)
add_chat(audit_app)


def servers(environment: EnvironmentOption = "", as_json: JsonOption = False) -> None:
    """Show the servers, what is live on them, and which are missing."""
    columns = ("server", "environment", "apps", "agent", "last heard", "missing")
    show_list("servers", columns, _server, as_json, environment=environment)


def alerts(environment: str, as_json: bool) -> NoReturn:
    """Show what is firing."""
    columns = ("alert", "state", "severity", "title", "since", "note")
    show_list("alerts", columns, _alert, as_json, environment=environment)


@audit_app.callback()
def audit(
    context: typer.Context,
    person: Annotated[str, typer.Option(help="Who asked: an ID.")] = "",
    environment: EnvironmentOption = "",
    verdict: Annotated[str, typer.Option(help="allowed, refused, answered, unusable, ...")] = "",
    since: SinceOption = "",
    until: UntilOption = "",
    limit: LimitOption = 20,
    before: BeforeOption = "",
    as_json: JsonOption = False,
) -> None:
    """Show who asked what; export or verify the audit log. Other words go to the bot as in chat:
    audit --last 5."""
    if context.invoked_subcommand is not None:
        return
    columns = ("time", "who", "where", "asked", "verdict", "reason")
    show_list(
        "audit",
        columns,
        _entry,
        as_json,
        person=person,
        environment=environment,
        verdict=verdict,
        since=sent(since),
        until=sent(until),
        limit=limit,
        before=before,
    )


@schedule_app.callback()
def schedule(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show the schedules. Other words go to the bot as in chat: schedule ping prod every 5m."""
    if context.invoked_subcommand is None:
        schedule_list(as_json)


@schedule_app.command("list")
def schedule_list(as_json: JsonOption = False) -> None:
    """Show the schedules."""
    columns = ("schedule", "command", "when", "next", "by", "status", "last result")
    show_list("schedules", columns, _schedule, as_json)


def show_list(
    name: str, columns: Sequence[str], row: Row, as_json: bool, **filters: object
) -> NoReturn:
    """Show a list of the console in `columns`, each item as `row` has it, and exit."""

    async def work(session: ConsoleSession) -> int:
        page = await session.client.page(name, **filters)
        if as_json:
            show_json(page)
            return 0
        rows = [row(item) for item in page[name]]
        for line in table(columns, rows) if rows else ["There is nothing to show."]:
            show(line)
        if page.get("note"):
            say(f"{page['note']}.")
        if page.get("blind_since"):
            say(f"The bot has had no view of the servers since {cell(_time(page['blind_since']))}.")
        if page.get("next"):
            say(f"There are more: add --before {page['next']}")
        return 0

    run(work)


def _server(item: Item) -> Sequence[object]:
    live = item.get("live") or {}
    apps = [f"{app} {live[app]['label']}" if app in live else app for app in item.get("apps", ())]
    heard = _time(item.get("heard"))
    return (item["host"], item.get("environment"), apps, item.get("version"), heard, item["why"])


def _alert(item: Item) -> Sequence[object]:
    keys = ("id", "state", "severity", "title")
    return (*(item.get(key) for key in keys), _time(item.get("since")), item.get("note"))


def _schedule(item: Item) -> Sequence[object]:
    following = [_time(each) for each in item.get("next", ())[:1]]
    timing = f"{item.get('timing', '')} {item.get('zone', '')}".strip()
    keys = ("by", "status", "outcome")
    return (item["id"][:SHORT_ID], item.get("words"), timing, following, *map(item.get, keys))


def _entry(item: Item) -> Sequence[object]:
    keys = ("person", "place", "words", "verdict", "reason")
    return (_time(item.get("time")), *map(item.get, keys))


def _time(text: object) -> object:
    """Return the time that `text` says; `text` if it says none."""
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return text
