"""Calls Slack's Web API over one session, without hidden retries. Its errors say what is known.

The retry handlers of the SDK are off: they post a second time when only the response was lost, and
keep no order. The caller decides by the error whether to wait, to ask again or to give up.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.fronts.errors import FrontError, Throttled, Uncertain, Unreachable
from bot.fronts.slack.web_api.clock import SlackClock
from bot.fronts.slack.web_api.errors import explained
from bot.fronts.slack.web_api.scopes import METHODS

SLACK_API = "https://slack.com/api/"
TIMEOUTS = aiohttp.ClientTimeout(total=20, connect=4, sock_connect=4, sock_read=10)
NAME = "Slack"

_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class SlackApi:
    """The Web API, called with a bot token over one session with persistent connections."""

    def __init__(
        self,
        token: str,
        api_url: str = SLACK_API,
        timeouts: aiohttp.ClientTimeout = TIMEOUTS,
    ) -> None:
        self._token = token
        self._api_url = api_url
        self._timeouts = timeouts
        self._session: aiohttp.ClientSession | None = None
        self._web: AsyncWebClient | None = None
        self.clock = SlackClock()
        self._limited: dict[str, tuple[int, float]] = {}
        self.counted: Counter[tuple[str, str]] = Counter()
        """How many calls were made, by method and outcome: `ok`, or the error in lower case."""

    @property
    def session(self) -> aiohttp.ClientSession:
        """The shared session, opened at its first use."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=20, keepalive_timeout=30)
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeouts)
        return self._session

    @property
    def web(self) -> AsyncWebClient:
        """The client of the SDK, on our session."""
        if self._web is None:
            self._web = AsyncWebClient(
                token=self._token,
                base_url=self._api_url,
                session=self.session,
                retry_handlers=[],
            )
        return self._web

    async def close(self) -> None:
        """Close the session. No call is possible after this."""
        if self._session is not None:
            await self._session.close()

    async def change(self, method: str, **arguments: Any) -> AsyncSlackResponse:
        """Call a method that changes something. Arguments that are None are left out.

        Raises FrontError: Uncertain if it may have been done, Unreachable if it was not.
        """
        body = {name: value for name, value in arguments.items() if value is not None}
        return await self._called(method, lambda web: web.api_call(method, json=body))

    async def read(self, method: str, **arguments: Any) -> AsyncSlackResponse:
        """Call a method that only reads. Raises FrontError, but never Uncertain."""
        query = {name: value for name, value in arguments.items() if value is not None}
        try:
            return await self._called(
                method, lambda web: web.api_call(method, http_verb="GET", params=query)
            )
        except Uncertain as error:
            raise Unreachable(front=NAME, reason=error.facts["reason"]) from error

    async def ticket(self, app_token: str) -> str:
        """Return the URL for one Socket Mode connection (apps.connections.open). Raises
        FrontError."""
        headers = {"Authorization": f"Bearer {app_token}"}

        async def ask(web: AsyncWebClient) -> AsyncSlackResponse:
            return await web.api_call("apps.connections.open", headers=headers)

        return str((await self._called("apps.connections.open", ask))["url"])

    async def upload(self, channel: str, thread: str, name: str, text: str) -> None:
        """Upload `text` as a file under a message. Raises FrontError."""

        async def send(web: AsyncWebClient) -> AsyncSlackResponse:
            return await web.files_upload_v2(
                channel=channel, thread_ts=thread or None, filename=name, title=name, content=text
            )

        await self._called("files.completeUploadExternal", send)

    async def _called(
        self, method: str, call: Callable[[AsyncWebClient], Awaitable[AsyncSlackResponse]]
    ) -> AsyncSlackResponse:
        assert method in METHODS or method == "apps.connections.open", (
            f"no scope is known: {method}"
        )
        try:
            answer = await self._tried(method, call)
        except FrontError as error:
            self.counted[method, type(error).__name__.lower()] += 1
            raise
        self.counted[method, "ok"] += 1
        return answer

    async def _tried(
        self, method: str, call: Callable[[AsyncWebClient], Awaitable[AsyncSlackResponse]]
    ) -> AsyncSlackResponse:
        sent = time.time()
        try:
            answer = await call(self.web)
        except SlackApiError as error:
            self._dated(error.response, sent)
            raise self._refused(method, error) from error
        except _NOT_SENT as error:
            raise Unreachable(front=NAME, reason=_said(error)) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Uncertain(front=NAME, reason=_said(error)) from error
        except (SlackClientError, AttributeError, ValueError) as error:
            # What the SDK raises, and stumbles over, if an answer is not Slack's JSON.
            raise Uncertain(front=NAME, reason=f"no answer of Slack's: {_said(error)}") from error
        self._dated(answer, sent)
        self._limited.pop(method, None)
        return answer

    def _dated(self, response: object, sent: float) -> None:
        headers = getattr(response, "headers", {})
        date = headers.get("Date") or headers.get("date")
        if date:
            self.clock.observe(str(date), sent, time.time())

    def _refused(self, method: str, error: SlackApiError) -> FrontError:
        response = error.response
        data = response.data if isinstance(response, AsyncSlackResponse) else None
        answer: Mapping[str, Any] = data if isinstance(data, dict) else {}
        headers = getattr(response, "headers", {})
        status = getattr(response, "status_code", 0) or getattr(response, "status", 0)
        before, until = self._limited.get(method, (0, 0.0))
        made = explained(method, int(status), answer, headers.get("Retry-After"), before)
        if isinstance(made, Throttled) and time.monotonic() >= until:
            # calls that were refused together were refused once
            self._limited[method] = before + 1, time.monotonic() + made.seconds / 2
        return made


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
