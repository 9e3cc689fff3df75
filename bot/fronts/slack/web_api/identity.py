"""Checks the tokens, and finds out who the bot is in Slack, before anything is connected.

The socket of the SDK hangs with an invalid token. Bolt asks for the identity only at the first
command, which is lost if that fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from baton.errors import BatonError
from bot.fronts.errors import FrontError, Unreachable
from bot.fronts.slack.web_api.calls import SlackApi
from bot.fronts.slack.web_api.scopes import missing


@dataclass(frozen=True, slots=True)
class Tokens:
    """The two tokens of the app: `bot` begins with xoxb-, `app` with xapp-."""

    bot: str
    app: str

    def __repr__(self) -> str:
        return "Tokens(...)"


@dataclass(frozen=True, slots=True)
class BotIdentity:
    """The identity of the bot, from auth.test. `scopes` is None if Slack does not list the
    granted scopes; `enterprise` is empty if the workspace belongs to none; `name` is the name to
    mention the bot by; `url` is the address of the workspace, with a slash at its end."""

    team: str
    user: str
    bot: str
    scopes: frozenset[str] | None
    enterprise: str = ""
    name: str = "baton"
    url: str = ""

    def permalink(self, channel: str, message: str, thread: str = "") -> str:
        """Return the address of the message with the `ts` `message`, which is in the thread of the
        message `thread` if that is given; empty if the address of the workspace is not known."""
        if not self.url:
            return ""
        address = f"{self.url}archives/{channel}/p{message.replace('.', '')}"
        if not thread:
            return address
        return f"{address}?{urlencode({'thread_ts': thread, 'cid': channel})}"


class BadTokens(BatonError):
    """Slack rejected the login of the bot: {problem}. {remedy}"""

    permanent = True


class ScopesMissing(BatonError):
    """The app lacks the scopes {scopes}. Update the app from manifest.yml and reinstall it."""

    permanent = True


def check_kinds(tokens: Tokens) -> None:
    """Check that each token is of the right kind. Raises BadTokens."""
    wanted = (("SLACK_BOT_TOKEN", tokens.bot, "xoxb-"), ("SLACK_APP_TOKEN", tokens.app, "xapp-"))
    for key, token, prefix in wanted:
        if not token:
            problem, found = f"{key} is not set", ""
        elif token.startswith(prefix):
            continue
        else:
            kind = token.partition("-")[0] if "-" in token[:5] else "something else"
            problem, found = f"{key} must begin with {prefix} and begins with {kind}", kind
        swapped = found in ("xapp", "xoxb")
        remedy = "The two tokens are swapped." if swapped else "See README, “Slack in ten minutes”."
        raise BadTokens(problem=problem, remedy=remedy)


async def identify(api: SlackApi) -> BotIdentity:
    """Ask Slack for the identity of the bot.

    Raises BadTokens if the bot token is unknown, ScopesMissing if it lacks scopes, and another
    FrontError if Slack cannot be reached.
    """
    try:
        answer = await api.change("auth.test")
    except FrontError as error:
        raise _bad(error, "SLACK_BOT_TOKEN", "OAuth & Permissions") from error
    granted = _granted(dict(answer.headers))
    if granted is not None and (lacking := missing(granted)):
        raise ScopesMissing(scopes=", ".join(lacking))
    return BotIdentity(
        team=str(answer.get("team_id", "")),
        user=str(answer.get("user_id", "")),
        bot=str(answer.get("bot_id", "")),
        scopes=granted,
        enterprise=str(answer.get("enterprise_id") or ""),
        name=str(answer.get("user") or "baton"),
        url=_workspace_url(str(answer.get("url") or "")),
    )


async def first_ticket(api: SlackApi, app_token: str) -> str:
    """Return the URL for the first connection.

    Raises BadTokens if Slack rejects the app token, and a FrontError if Slack cannot be reached.
    """
    try:
        return await api.ticket(app_token)
    except FrontError as error:
        raise _bad(error, "SLACK_APP_TOKEN", "Basic Information, App-Level Tokens") from error


def _bad(error: FrontError, key: str, page: str) -> BatonError:
    """Return `error` as BadTokens if its cause is the token, else unchanged."""
    reason = str(error.facts.get("reason", ""))
    about_token = isinstance(error, Unreachable) and "token" in reason
    if not (about_token or error.permanent or "removed from the workspace" in reason):
        return error
    remedy = f"Copy {key} again from the app's page {page}."
    if error.facts.get("remedy"):
        remedy = str(error.facts["remedy"])
    return BadTokens(problem=f"{key}: {reason}", remedy=remedy)


def _workspace_url(url: str) -> str:
    """Return `url` if it can stand in a link, else nothing."""
    return f"{url.rstrip('/')}/" if url.startswith(("https://", "http://")) else ""


def _granted(headers: dict[str, str]) -> frozenset[str] | None:
    for name, value in headers.items():
        if name.lower() == "x-oauth-scopes":
            return frozenset(scope.strip() for scope in value.split(",") if scope.strip())
    return None
