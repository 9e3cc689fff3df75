"""auth.test, apps.connections.open, views.open."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from baton_slack_testing.args import Args
from baton_slack_testing.blocks import check_blocks
from baton_slack_testing.elements import Problems, length, text_object
from baton_slack_testing.errors import Json, Refusal, invalid
from baton_slack_testing.methods import method
from baton_slack_testing.tokens import Token
from baton_slack_testing.workspace import APP, BOT, BOT_USER, TEAM

if TYPE_CHECKING:
    from baton_slack_testing.server import SlackServer


@method("auth.test", kinds=("bot", "app"))
def auth_test(slack: SlackServer, token: Token, args: Args) -> Json:
    """Answer `auth.test`. Raises Refusal."""
    team = {"url": slack.url, "team": "baton", "team_id": TEAM}
    if token.kind == "app":
        return {"ok": True, "app_name": slack.workspace.bot_name, "app_id": APP}
    bot = {"user": slack.workspace.bot_name, "user_id": BOT_USER, "bot_id": BOT}
    if slack.enterprise:
        team["enterprise_id"] = slack.enterprise
    return {"ok": True, **team, **bot, "is_enterprise_install": False}


@method("apps.connections.open", kinds=("app",), scope="connections:write", per_minute=50)
def open_connection(slack: SlackServer, token: Token, args: Args) -> Json:
    """Answer `apps.connections.open`. Raises Refusal."""
    return {"ok": True, "url": slack.socket.new_url()}


@method("views.open", "trigger_id", "view", per_minute=100)
def open_view(slack: SlackServer, token: Token, args: Args) -> Json:
    """Answer `views.open`. Raises Refusal."""
    view = args.structure("view", "invalid_arguments")
    if not isinstance(view, dict):
        raise Refusal("invalid_arguments")
    problems = list(view_problems(view))
    if problems:
        raise invalid("invalid_arguments", problems)
    check_blocks(view.get("blocks"), plan_blocks=slack.plan_blocks, most=100)
    slack.triggers.spend(str(args["trigger_id"]))
    shown = {**view, "id": f"V{len(slack.workspace.views) + 1:08d}", "team_id": TEAM}
    shown |= {"hash": slack.workspace.stamp(), "state": {"values": {}}}
    slack.workspace.views.append(shown)
    slack.changes.notify()
    return {"ok": True, "view": shown}


def view_problems(view: Json) -> Problems:
    """What Slack checks of a modal beside its blocks."""
    if view.get("type") not in ("modal", "home"):
        yield "must be one of: modal, home [json-pointer:/view/type]"
    for name in ("title", "submit", "close"):
        if view.get(name) is not None:
            yield from text_object(view[name], f"/view/{name}", 24, kinds=("plain_text",))
    if view.get("type") == "modal" and view.get("title") is None:
        yield "missing required field: title [json-pointer:/view]"
    for name, most in (("private_metadata", 3000), ("callback_id", 255)):
        if view.get(name) is not None:
            yield from length(view[name], f"/view/{name}", most, least=0)


class Triggers:
    """Trigger ids, each good once and for 3 s; the id carries its own birth, so none is kept."""

    def __init__(self, seconds: float = 3.0) -> None:
        self.seconds = seconds
        self._count = 0
        self._spent: set[str] = set()

    def new(self) -> str:
        """An id for something that a person just did."""
        self._count += 1
        return f"{round(time.monotonic() * 1000)}.{TEAM}.{self._count:032x}"

    def spend(self, trigger_id: str) -> None:
        """Raises Refusal for an unknown, an old and a used one."""
        found = re.fullmatch(rf"(\d+)\.{TEAM}\.([0-9a-f]{{32}})", trigger_id)
        if found is None or not 0 < int(found[2], 16) <= self._count:
            raise Refusal("invalid_trigger_id")
        if time.monotonic() - int(found[1]) / 1000 > self.seconds:
            raise Refusal("expired_trigger_id")
        if trigger_id in self._spent:
            raise Refusal("exchanged_trigger_id")
        self._spent.add(trigger_id)
