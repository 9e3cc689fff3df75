"""The HTTP app of a bot with its console, wired: what every bot, the demo and the tests serve."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from baton.bus.messages import now
from bot.app.assemble import status_reader
from bot.app.bot import Bot

if TYPE_CHECKING:
    from bot.web.console.access import Access
    from bot.web.console.sign_in.slack_openid import SlackOpenId
    from bot.web.console.sources import MessageAddress
    from bot.web.ingest import IngestRoutes
    from bot.web.server import WebServer
    from bot.web.status import Chat


def serve_console(
    web: WebServer,
    bot: Bot,
    access: Access,
    *,
    url: str = "",
    chat: Chat | None = None,
    ingest: IngestRoutes | None = None,
    openid: SlackOpenId | None = None,
    message_address: MessageAddress | None = None,
    clock: Callable[[], datetime] = now,
) -> None:
    """Serve the status of `bot`, its console and the routes of `ingest` on `web`.

    `access` knows who asks in the console; `url` is the address at which people open it, that of
    `web` if it is empty; `openid` lets people sign in with Slack; `message_address` is where
    messages of the chat are opened. FastAPI is loaded here and not
    before: a bot without a web server does not need it.
    """
    from bot.web.app import build
    from bot.web.console.parts import ConsoleParts

    status = status_reader(bot, chat, bot.rejections)
    dispatching = bot.dispatching
    console = ConsoleParts(
        url=url or web.url,
        access=access,
        store=bot.store,
        dispatcher=dispatching.dispatcher,
        commands=dispatching.commands,
        letters=dispatching.letters,
        servers=bot.servers,
        authorizer=dispatching.authorizer,
        schedules=dispatching.schedules,
        freezes=dispatching.freezes,
        alerts=bot.alert_runner,
        audit=dispatching.audit,
        status=status,
        clock=clock,
        openid=openid,
        message_address=message_address,
        stopping=web.stopping,
    )
    web.serve(build(status, ingest, console))
