"""Checks of Slack: the tokens, what they may do, and Socket Mode."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime

from baton.errors import BatonError
from baton.messages import now
from bot.doctor.finding import Finding, Mark, clocks, fail, note, ok
from bot.settings import SlackTable
from bot.slack.calls import Calls
from bot.slack.channels import Channels
from bot.slack.identity import ScopesMissing, Tokens, check_kinds, first_ticket, identify
from bot.slack.scopes import SCOPES, WISHED
from bot.slack.tasks import Tasks

CLOCK_MOST = 5.0
"""Seconds by which our clock may differ from Slack's, which gives its own in whole seconds."""


async def slack(settings: SlackTable, channels: Sequence[str] = ()) -> list[Finding]:
    """What Slack says of us, and whether we can speak in these channels."""
    tokens = Tokens(settings.bot_token.get_secret_value(), settings.app_token.get_secret_value())
    try:
        check_kinds(tokens)
    except BatonError as error:
        return [fail("tokens", error)]
    calls = Calls(tokens.bot, settings.api_url)
    try:
        found = [*await _bot_token(calls), await _app_token(calls, tokens.app)]
        if channels and not any(one.mark is Mark.FAIL for one in found):
            found += await _channels(calls, channels)
        return found
    finally:
        await calls.close()


async def _bot_token(calls: Calls) -> list[Finding]:
    try:
        identity = await identify(calls)
    except ScopesMissing as error:
        return [ok("tokens", "Slack takes the bot token"), fail("scopes", error)]
    except BatonError as error:
        return [fail("tokens", error)]
    found = [ok("tokens", f"Slack takes the bot token: {identity.user} in {identity.team}")]
    if identity.scopes is not None:
        lacking = sorted(WISHED - identity.scopes)
        if lacking:
            text = f"{', '.join(lacking)} is not granted: boards are shown, and not pinned"
            found.append(note("scopes", text, "install the app again with manifest.yml."))
        else:
            found.append(ok("scopes", f"all {len(SCOPES)} that manifest.yml asks for"))
    moment = await _slacks_clock(calls)
    if moment is not None:
        found.append(clocks({"Slack": (moment - now()).total_seconds()}, CLOCK_MOST))
    return found


async def _channels(calls: Calls, channels: Sequence[str]) -> list[Finding]:
    closed = await Channels(calls, Tasks()).look(channels)
    if not closed:
        return [ok("channels", f"alerts can be told in {', '.join(channels)}")]
    return [fail("channels", f"{channel}: {reason}") for channel, reason in closed.items()]


async def _app_token(calls: Calls, token: str) -> Finding:
    # Only the ticket: on a connection of ours Slack would deliver what people ask the bot.
    try:
        await first_ticket(calls, token)
    except BatonError as error:
        return fail("socket", error)
    return ok("socket", "Slack takes the app token and gives out Socket Mode connections")


async def _slacks_clock(calls: Calls) -> datetime | None:
    answer = await calls.change("auth.test")
    date = next((text for name, text in answer.headers.items() if name.lower() == "date"), None)
    return parsedate_to_datetime(date) if date else None
