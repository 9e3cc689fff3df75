"""SlackChat: Slack as a front end of the bot. Connects its parts, starts and stops them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlencode

import structlog

from baton.bus.channel import Link
from baton.bus.link import Linked
from baton.errors import BatonError
from baton.timing.backoff import delay, jittered
from bot.dispatch.protocol import Dispatcher
from bot.fronts.errors import FrontError
from bot.fronts.slack.front import SlackFront
from bot.fronts.slack.listeners.app import build
from bot.fronts.slack.listeners.deliveries import DeliveryDeduplicator
from bot.fronts.slack.listeners.form_state import FormSeal
from bot.fronts.slack.listeners.handlers import SlackHandlers
from bot.fronts.slack.listeners.payloads import parse_slash_command
from bot.fronts.slack.listeners.people import SlackDirectory
from bot.fronts.slack.listeners.replies import FindPost, PrivateReplies
from bot.fronts.slack.socket_mode.socket import SocketModeClient
from bot.fronts.slack.tasks import BackgroundTasks
from bot.fronts.slack.web_api.calls import SLACK_API, SlackApi
from bot.fronts.slack.web_api.channels import ChannelAccess
from bot.fronts.slack.web_api.identity import Tokens, check_kinds, first_ticket, identify
from bot.jobs import Place

log = structlog.get_logger(__name__)

CHECK_INTERVAL = 20.0
"""Seconds between two looks at which other bots there are."""

CountBots = Callable[[int], Awaitable[int]]
"""Says that this bot is there, and that so many connections of strangers are known; returns how
many other bots use the same ledger. Raises BatonError if that cannot be known."""

CHANNELS = "https://slack.com/app_redirect"
"""Opens a channel in whatever workspace it belongs to (docs.slack.dev, "Deep linking")."""
ACK_TIMEOUT = 3.0
"""Seconds to answer what Slack delivered before the connections are closed."""
MAX_PAUSE = 30.0


async def no_other_bots(strangers: int) -> int:
    """Say that no other bot is running."""
    return 0


async def nowhere(job: str) -> Place | None:
    """Say that no job has a post: long documents are sent to people directly."""
    return None


class SlackChat(Linked):
    """Receives commands from Slack and passes them to `dispatcher`; `front` shows posts.

    `link` says whether Slack can reach this bot. Slack may deliver a command to any of several
    bots. `where` finds the thread of a job. `others` counts the other bots that use this database:
    any further connection with our tokens belongs to a stranger.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        tokens: Tokens,
        *,
        api_url: str = SLACK_API,
        where: FindPost = nowhere,
        others: CountBots = no_other_bots,
    ) -> None:
        super().__init__()
        self._tokens = tokens
        self._api = SlackApi(tokens.bot, api_url)
        self._tasks = BackgroundTasks()
        self._seal = FormSeal(tokens.bot)
        self._replies = PrivateReplies(self._api, where, self._seal)
        self.people = SlackDirectory(self._api)
        self._dispatcher = dispatcher
        self._handlers: SlackHandlers | None = None
        self._deliveries: DeliveryDeduplicator | None = None
        self._socket: SocketModeClient | None = None
        self._beginning: asyncio.Task[None] | None = None
        self._others = others
        self._bots: int | None = None
        self._first_ticket = ""
        self.front = SlackFront(self._api)
        self.channels = ChannelAccess(self._api, self._tasks)

    @property
    def heard(self) -> float | None:
        """The time of the last message from Slack, on the monotonic clock; None while
        disconnected."""
        return self._socket.heard if self._socket else None

    @property
    def strangers(self) -> int:
        """The number of connections with our tokens that belong to no bot of this database.
        Slack sends them a part of the commands."""
        return self._socket.strangers if self._socket else 0

    @property
    def clock_ahead(self) -> float | None:
        """The seconds by which our clock is ahead of Slack's, negative if it is behind; None
        before the first response."""
        return self._api.clock.ahead

    @property
    def calls(self) -> Mapping[tuple[str, str], int]:
        """The number of calls of the Web API, by method and outcome."""
        return self._api.counted

    def address(self, place: Place, message: str) -> str:
        """Return the address of `message` in `place`. While Slack has not told us who we are, and
        if there is no message, it is that of the channel. Empty if `place` is not in Slack."""
        if place.front != self.front.name:
            return ""
        us = self.people.us
        found = us.permalink(place.channel, message, place.thread) if us and message else ""
        return found or f"{CHANNELS}?{urlencode({'channel': place.channel})}"

    async def start(self) -> None:
        """Check the tokens and start to listen. If Slack cannot be reached, keep trying.

        Raises BadTokens or ScopesMissing if Slack rejects the app.
        """
        check_kinds(self._tokens)
        try:
            await self._begin()
        except FrontError as error:
            self._failed(error)
            self._beginning = asyncio.create_task(self._begin_later())

    async def drain(self, seconds: float) -> None:
        """Accept no more commands, and finish those under way within `seconds`. `front`
        continues to work."""
        deadline = asyncio.get_running_loop().time() + seconds
        if self._deliveries is not None:
            self._deliveries.stop()
        if self._beginning is not None:
            self._beginning.cancel()
            await asyncio.wait([self._beginning])
        if self._socket is not None:
            await self._socket.drain(min(seconds, ACK_TIMEOUT))
        left = max(deadline - asyncio.get_running_loop().time(), 0)
        cancelled = await self._tasks.drain(left)
        if cancelled:
            log.warning("some replies may not have been delivered", count=cancelled)

    async def close(self) -> None:
        """Stop at once. `front` cannot be used after this."""
        await self.drain(0)
        await self.people.close()
        await self._api.close()

    async def _begin(self) -> None:
        identity = self.people.us = await identify(self._api)
        self._first_ticket = await first_ticket(self._api, self._tokens.app)
        handlers = SlackHandlers(
            self._dispatcher, self.people, self._replies, self._tasks, identity
        )
        self._handlers = handlers
        app = build(handlers, identity, self._dispatcher.commands, self._seal)
        self._deliveries = DeliveryDeduplicator(app, self._unheard)
        self._socket = SocketModeClient(
            self._api.session,
            self._ticket,
            self._deliveries.take,
            self._change,
            proxy=self._api.web.proxy,
            ours=lambda: self._bots,
        )
        await self._count_bots()
        self._socket.start()

    async def check_other_bots(self) -> None:
        """Find out how many other bots are connected, and let them know of this one, every
        CHECK_INTERVAL seconds."""
        if self._socket is not None:
            await self._count_bots()

    async def _count_bots(self) -> None:
        try:
            async with asyncio.timeout(CHECK_INTERVAL / 10):
                self._bots = await self._others(self.strangers)
        except (BatonError, TimeoutError) as error:
            self._bots = None
            log.warning("cannot find out which other bots are running", reason=str(error))

    async def _begin_later(self) -> None:
        for failures in itertools.count(1):
            await asyncio.sleep(jittered(delay(failures, 1.0, MAX_PAUSE)))
            try:
                await self._begin()
            except BatonError as error:
                self._failed(error)
            else:
                return

    def _failed(self, error: BatonError) -> None:
        self._change(Link.DOWN, str(error))
        log.warning("cannot connect to Slack, will retry", reason=str(error))

    async def _ticket(self) -> str:
        url, self._first_ticket = self._first_ticket, ""
        return url or await self._api.ticket(self._tokens.app)

    def _unheard(self, payload: object, text: str) -> None:
        interaction = parse_slash_command(payload) if isinstance(payload, dict) else None
        if interaction is not None and self._handlers is not None:
            self._handlers.answer_lost(interaction, text)
