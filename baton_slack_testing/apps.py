"""auth.test, apps.connections.open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton_slack_testing.args import Args
from baton_slack_testing.errors import Json
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
