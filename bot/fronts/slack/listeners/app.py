"""The Bolt app: chooses the listener for what Slack sends.

With `process_before_response` Bolt answers with the result of the listener when it returns. It does
not poll for `ack()` (10 ms each time), and an event is acknowledged only after it was stored.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Container, Mapping
from typing import Any

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.response import BoltResponse

from bot.fronts.slack.blocks.forms import (
    CALLBACK,
    COMMAND_CALLBACK,
    error_at,
    error_response,
    with_button,
)
from bot.fronts.slack.blocks.posts import PREFIX
from bot.fronts.slack.listeners.command_forms import FormProblem
from bot.fronts.slack.listeners.form_state import FormSeal
from bot.fronts.slack.listeners.handlers import SlackHandlers
from bot.fronts.slack.listeners.payloads import (
    OWN_COMMAND,
    form_inputs,
    parse_button_press,
    parse_form,
    parse_message,
    parse_slash_command,
)
from bot.fronts.slack.web_api.identity import BotIdentity

log = structlog.get_logger(__name__)

UNREADABLE = (
    "This form cannot be read: another version of the bot made it, or its token has changed since. "
    "Nothing was done. Close it, and open it again."
)


def is_ours(slash_command: str, commands: Container[str]) -> bool:
    """Return whether we listen to a slash command: there is one for each of `commands`, which may
    be more at any moment, and /baton for all."""
    return slash_command == OWN_COMMAND or slash_command.removeprefix("/") in commands


def private(text: str, form_of: str = "") -> dict[str, Any]:
    """Return the body of a response that only the person who typed the command sees, with a button
    that opens the form of the words `form_of`, if there are any."""
    blocks = with_button(text, form_of)
    return {"response_type": "ephemeral", "text": text, **({"blocks": blocks} if blocks else {})}


def build(
    handlers: SlackHandlers, identity: BotIdentity, commands: Container[str], seal: FormSeal
) -> AsyncApp:
    """Return the app, with listeners for the slash command of each of `commands`, our buttons and
    forms, mentions and direct messages."""
    who = AuthorizeResult(
        enterprise_id=None,
        team_id=identity.team,
        bot_token=None,
        bot_id=identity.bot,
        bot_user_id=identity.user,
    )

    async def authorize(**_: object) -> AuthorizeResult:
        # Asked of Slack once, at the start: bolt's own way loses the first command if that fails.
        return who

    app = AsyncApp(
        authorize=authorize,
        logger=_quiet_logger(),
        process_before_response=True,
        raise_error_for_unhandled_request=True,
        request_verification_enabled=False,
        ssl_check_enabled=False,
        url_verification_enabled=False,
        attaching_function_token_enabled=False,
    )

    async def on_command(ack: AsyncAck, body: dict[str, Any]) -> BoltResponse:
        if not is_ours(str(body.get("command", "")), commands):
            return _unhandled(body)
        interaction = parse_slash_command(body)
        if interaction is None:
            return await ack()
        told = await handlers.command(interaction)
        return await (ack(private(told.text, told.form_of)) if told.text else ack())

    async def on_press(ack: AsyncAck, body: dict[str, Any]) -> BoltResponse:
        if (interaction := parse_button_press(body)) is not None:
            await handlers.press(interaction)
        return await ack()

    async def on_form(ack: AsyncAck, body: dict[str, Any]) -> BoltResponse:
        interaction = parse_form(body, seal)
        problem = await handlers.form(interaction) if interaction else FormProblem(UNREADABLE)
        inputs = form_inputs(body)
        if problem is None or not inputs:
            return await ack()
        return await ack(**error_response(error_at(problem.field, inputs), problem.text))

    async def on_message(body: dict[str, Any]) -> None:
        if (interaction := parse_message(body)) is not None:
            await handlers.message(interaction)

    app.command(re.compile("^/"))(on_command)
    app.action(re.compile(f"^{PREFIX}"))(on_press)
    app.view(CALLBACK)(on_form)
    app.view(COMMAND_CALLBACK)(on_form)
    app.event("app_mention")(on_message)
    app.event("message")(on_message)
    app.error(_on_error)
    return app


async def _on_error(error: Exception, body: Mapping[str, Any]) -> BoltResponse:
    if isinstance(error, BoltUnhandledRequestError):
        return _unhandled(body)
    log.error("a delivery from Slack failed, Slack will repeat it", exc_info=error)
    return BoltResponse(status=500, body="")


def _unhandled(body: Mapping[str, Any]) -> BoltResponse:
    """Acknowledge what no listener handles: otherwise Slack sends it again and again."""
    name = body.get("command")
    if name is None:
        return BoltResponse(status=200, body="")
    text = f"This bot does not know {name}. `{OWN_COMMAND} help` shows what it knows."
    return BoltResponse(status=200, body=private(text))


def _quiet_logger() -> logging.Logger:
    """Return a logger without Bolt's long warnings about cases that `_on_error` handles."""
    logger = logging.getLogger("bot.fronts.slack.bolt")
    logger.setLevel(logging.ERROR)
    return logger
