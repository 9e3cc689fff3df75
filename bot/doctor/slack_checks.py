"""The checks of Slack: tokens, scopes, channels and Socket Mode."""

from __future__ import annotations

from collections.abc import Sequence

from baton.bus.messages import now
from baton.errors import BatonError
from bot.doctor.check_result import CheckResult, Mark, fail, note, ok
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
from bot.store.database.database_clock import DatabaseClock
from bot.store.database.open import open_database
from bot.store.leases import STRANGERS, Leases

MAX_CLOCK_SKEW = 5.0
"""Seconds by which our clock may differ from Slack's."""


async def slack(settings: SlackTable, channels: Sequence[str] = ()) -> list[CheckResult]:
    """Check the tokens with Slack, and whether the bot can post in these channels."""
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
        return [ok("tokens", "Slack accepts the bot token"), fail("scopes", error)]
    except BatonError as error:
        return [fail("tokens", error)]
    found = [ok("tokens", f"Slack accepts the bot token: {identity.user} in {identity.team}")]
    if identity.scopes is not None:
        lacking = sorted(OPTIONAL_SCOPES - identity.scopes)
        if lacking:
            text = f"{', '.join(lacking)} is not granted: boards are posted, but not pinned"
            found.append(note("scopes", text, "install the app again with manifest.yml."))
        else:
            found.append(ok("scopes", f"all {len(SCOPES)} scopes of manifest.yml are granted"))
    if calls.clock.ahead is not None:
        found.append(clock(calls.clock.ahead))
    return found


async def _channels(calls: SlackApi, channels: Sequence[str]) -> list[CheckResult]:
    closed = await ChannelAccess(calls, BackgroundTasks()).look(channels)
    if not closed:
        return [ok("channels", f"the bot can post alerts in {', '.join(channels)}")]
    return [fail("channels", f"{channel}: {reason}") for channel, reason in closed.items()]


async def _app_token(calls: SlackApi, token: str) -> CheckResult:
    # Only the ticket: on a connection of ours Slack would deliver what people ask the bot.
    try:
        await first_ticket(calls, token)
    except BatonError as error:
        return fail("socket", error)
    return ok("socket", "Slack accepts the app token and offers Socket Mode connections")


def clock(ahead: float) -> CheckResult:
    """Check our clock, which is so many seconds ahead of Slack's."""
    if abs(ahead) <= MAX_CLOCK_SKEW:
        return ok("clock", f"within {MAX_CLOCK_SKEW:g} s of Slack's")
    text = f"our clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} Slack's"
    fix = "synchronize it with NTP (Debian: apt install systemd-timesyncd)."
    return fail("clock", text, fix)


async def strangers(url: str) -> list[CheckResult]:
    """Check whether a bot that uses the database at `url` has seen connections with its tokens that
    belong to no bot of this database. A connection of our own would take requests of people."""
    try:
        database = open_database(url)
    except BatonError:
        return []  # the checks of the database say what is wrong with it
    try:
        count = await Leases(database, DatabaseClock(database, now)).holder(STRANGERS)
    except BatonError:
        return []
    finally:
        await database.close()
    if not count:
        return []
    text = (
        f"{count} connections with these tokens belong to no bot of this database: Slack sends "
        "another program a part of people's requests"
    )
    fix = "give each Baton a Slack app of its own, or stop the other program."
    return [fail("tokens", text, fix)]
