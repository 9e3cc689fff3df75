"""Checks of Slack: the tokens, what they may do, and Socket Mode."""

from __future__ import annotations

from collections.abc import Sequence

from baton.bus.messages import now
from baton.errors import BatonError
from bot.doctor.finding import CheckResult, Mark, fail, note, ok
from bot.fronts.slack.tasks import BackgroundTasks
from bot.fronts.slack.web_api.calls import SlackApi
from bot.fronts.slack.web_api.channels import ChannelAccess
from bot.fronts.slack.web_api.identity import (
    ScopesMissing,
    Tokens,
    check_kinds,
    first_ticket,
    identify,
)
from bot.fronts.slack.web_api.scopes import OPTIONAL_SCOPES, SCOPES
from bot.settings import SlackTable
from bot.store.database.clock import DatabaseClock
from bot.store.database.open import open_database
from bot.store.leases import STRANGERS, Leases

MAX_CLOCK_SKEW = 5.0
"""Seconds by which our clock may differ from Slack's."""


async def slack(settings: SlackTable, channels: Sequence[str] = ()) -> list[CheckResult]:
    """What Slack says of us, and whether we can speak in these channels."""
    tokens = Tokens(settings.bot_token.get_secret_value(), settings.app_token.get_secret_value())
    try:
        check_kinds(tokens)
    except BatonError as error:
        return [fail("tokens", error)]
    calls = SlackApi(tokens.bot, settings.api_url)
    try:
        found = [*await _bot_token(calls), await _app_token(calls, tokens.app)]
        if channels and not any(one.mark is Mark.FAIL for one in found):
            found += await _channels(calls, channels)
        return found
    finally:
        await calls.close()


async def _bot_token(calls: SlackApi) -> list[CheckResult]:
    try:
        identity = await identify(calls)
    except ScopesMissing as error:
        return [ok("tokens", "Slack takes the bot token"), fail("scopes", error)]
    except BatonError as error:
        return [fail("tokens", error)]
    found = [ok("tokens", f"Slack takes the bot token: {identity.user} in {identity.team}")]
    if identity.scopes is not None:
        lacking = sorted(OPTIONAL_SCOPES - identity.scopes)
        if lacking:
            text = f"{', '.join(lacking)} is not granted: boards are shown, and not pinned"
            found.append(note("scopes", text, "install the app again with manifest.yml."))
        else:
            found.append(ok("scopes", f"all {len(SCOPES)} that manifest.yml asks for"))
    if calls.clock.ahead is not None:
        found.append(clock(calls.clock.ahead))
    return found


async def _channels(calls: SlackApi, channels: Sequence[str]) -> list[CheckResult]:
    closed = await ChannelAccess(calls, BackgroundTasks()).look(channels)
    if not closed:
        return [ok("channels", f"alerts can be told in {', '.join(channels)}")]
    return [fail("channels", f"{channel}: {reason}") for channel, reason in closed.items()]


async def _app_token(calls: SlackApi, token: str) -> CheckResult:
    # Only the ticket: on a connection of ours Slack would deliver what people ask the bot.
    try:
        await first_ticket(calls, token)
    except BatonError as error:
        return fail("socket", error)
    return ok("socket", "Slack takes the app token and gives out Socket Mode connections")


def clock(ahead: float) -> CheckResult:
    """What is to be said of our clock, which is so many seconds ahead of Slack's."""
    if abs(ahead) <= MAX_CLOCK_SKEW:
        return ok("clock", f"within {MAX_CLOCK_SKEW:g} s of Slack's")
    text = f"our clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} Slack's"
    return fail("clock", text, "set it by NTP (Debian: apt install systemd-timesyncd).")


async def strangers(url: str) -> list[CheckResult]:
    """Whether a bot that uses the database at `url` knows of connections with its tokens that are
    no bot's of its own. Looking ourselves would take what people ask at that moment."""
    try:
        database = open_database(url)
    except BatonError:
        return []  # what is wrong with it is said by the checks of the database
    try:
        count = await Leases(database, DatabaseClock(database, now)).holder(STRANGERS)
    except BatonError:
        return []
    finally:
        await database.close()
    if not count:
        return []
    text = (
        f"{count} connections with these tokens are no bot's of this database: Slack gives that "
        "program a part of what people ask"
    )
    fix = "give each Baton a Slack app of its own, or stop the other program."
    return [fail("tokens", text, fix)]
