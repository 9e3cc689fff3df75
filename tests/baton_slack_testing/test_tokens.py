"""Who may call what."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from baton_slack_testing import (
    Manifest,
    SlackServer,
)

from .clients import client_of, error_of


async def test_methods_want_a_known_token_of_the_right_kind(slack: SlackServer) -> None:
    """No token, a wrong one, one of the other kind, and a method that does not exist."""
    app = client_of(slack, slack.app_token)
    assert (await error_of(client_of(slack, "xoxb-other").auth_test()))["error"] == "invalid_auth"
    wrong = await error_of(app.chat_postMessage(channel="C_OPS", text="hi"))
    assert wrong["error"] == "not_allowed_token_type"
    wrong = await error_of(client_of(slack).apps_connections_open(app_token=slack.bot_token))
    assert wrong["error"] == "not_allowed_token_type"
    assert (await error_of(app.api_call("chat.shout")))["error"] == "unknown_method"
    async with (
        aiohttp.ClientSession() as session,
        session.post(slack.url + "auth.test") as response,
    ):
        assert (await response.json())["error"] == "not_authed"


async def test_a_missing_scope_is_named() -> None:
    """`needed` and `provided` say which, and the headers say what was granted."""
    async with SlackServer(manifest=Manifest(), scopes=["commands", "users:read"]) as slack:
        client = client_of(slack)
        refused = await error_of(client.chat_postMessage(channel="C_OPS", text="hi"))
        assert refused["error"] == "missing_scope"
        assert (refused["needed"], refused["provided"]) == ("chat:write", "commands,users:read")
        refused = await error_of(client.conversations_history(channel="C_OPS"))
        assert refused["needed"] == "channels:history"
        answer = await client.auth_test()
        assert answer.headers["X-OAuth-Scopes"] == "commands,users:read"
    async with SlackServer(manifest=Manifest(), app_scopes=[]) as slack:
        refused = await error_of(
            client_of(slack, slack.app_token).apps_connections_open(app_token=slack.app_token)
        )
        assert refused["needed"] == "connections:write"


async def test_the_manifest_grants_scopes_events_and_commands(tmp_path: Path) -> None:
    """What the app asks for in its manifest is what it gets."""
    path = tmp_path / "manifest.yml"
    path.write_text(
        "features:\n  bot_user: {display_name: Baton}\n"
        "  slash_commands:\n    - command: /ping\n      description: who is there\n"
        "oauth_config:\n  scopes:\n    bot: [chat:write, commands]\n"
        "settings:\n  event_subscriptions:\n    bot_events: [app_mention]\n"
    )
    manifest = Manifest.read(path)
    assert manifest.scopes == {"chat:write", "commands"}
    assert manifest.commands == frozenset({"/ping"})
    assert manifest.events == {"app_mention"}
    async with SlackServer(manifest=manifest) as slack:
        with pytest.raises(LookupError, match="/deploy is not a command"):
            await slack.person("U_ANN").slash("/deploy shop", channel="C_OPS")
