"""`baton bot`: the bot of a team, connected to Slack, RabbitMQ and the database."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from alerts import load_alerts
from alerts.settings import rules_left_out
from baton.bus.channel import Link
from baton.bus.connect import connect
from baton.bus.signing.signer import signer_of
from baton.entry_points import ExtensionsLeftOut
from baton.extensions import installed
from baton.process.garbage import tune_garbage_collector
from bot.app import task_table
from bot.app.assemble import assemble, status_reader
from bot.app.bot import Bot
from bot.app.dispatching import commands_of
from bot.app.garbage import THRESHOLDS
from bot.app.rules_log import RulesLog
from bot.app.supervise import run_while_healthy
from bot.app.with_alerts import AlertsConfig
from bot.dispatch.console_address import ConsoleAddress
from bot.dispatch.gates.freezing.in_force import FreezesInForce
from bot.dispatch.rate_limiter import PersonRateLimiter
from bot.fronts.slack import SlackChat, SlackFront, Tokens
from bot.fronts.slack.chat import CHECK_INTERVAL
from bot.jobs import Place
from bot.settings import BotSettings, SlackOpenIdTable, WebTable
from bot.store import Store
from bot.store.leases import STRANGERS

if TYPE_CHECKING:
    from bot.web.console.sign_in.slack_openid import SlackOpenId
    from bot.web.server import WebServer

log = structlog.get_logger(__name__)

SWITCH_INTERVAL = 0.0005
"""Seconds for which a thread of the database may hold the interpreter before another gets it."""
PRESENCE_SECONDS = 60.0
"""Seconds for which a bot counts as present after it said so."""
DRAIN_TIMEOUT = 10.0
"""Seconds for answering what people asked before the bot stops."""


async def serve(
    settings: BotSettings, reread: Callable[[], BotSettings], *, strict: bool = False
) -> None:
    """Serve until SIGTERM or SIGINT; if `strict`, only with every extension that is installed. On
    SIGHUP the alerts are read again, and the freezes of the settings that `reread` returns.

    Raises the error that keeps it from starting: then nothing has started. Raises also the error
    that makes a part fail later, so that a supervisor starts it again.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    alerts = _alerts_config(settings.alerts.file, lambda: chat, strict=strict)
    freezes = FreezesInForce(settings.freeze, lambda: reread().freeze)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    commands = commands_of(installed(strict=strict))
    signer = signer_of([settings.signing.key, settings.signing.also])
    async with contextlib.AsyncExitStack() as stack:
        web = _listen(settings)
        if web is not None:
            stack.callback(web.close)
        store = await Store.open(settings.database.url.get_secret_value())
        stack.push_async_callback(store.close)
        console = _console_address(settings, web)
        channel = await connect(settings.bus.urls, name=f"baton {settings.bot.name}", owner=True)
        stack.push_async_callback(channel.close)
        bot = assemble(
            store,
            channel,
            commands,
            settings.policy,
            gates=settings.gate,
            name=settings.bot.name,
            retention=timedelta(days=settings.bot.retention_days),
            pace=PersonRateLimiter(settings.limits),
            identity_required=settings.bus.identity == "required",
            alerts=alerts,
            console=console,
            freezes=freezes,
            audit_channel=settings.audit.place(SlackFront.name),
            signer=signer,
            agent_keys=settings.signing.agents,
        )
        reloader = bot.alert_reloader

        def reload() -> None:
            freezes.reload_or_log()
            if reloader is not None:
                reloader.reload_or_log()

        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
        chat = _slack_chat(settings, bot)
        stack.push_async_callback(chat.close)
        bot.show_in(chat.front, chat.people)
        # who asks at once is to hear of the servers that are known
        await bot.upkeep.load_servers()
        # Slack first: if it refuses the tokens, no part of the bot starts
        await chat.start()
        stack.push_async_callback(bot.stop)
        await bot.start()
        if bot.alert_runner is not None:
            # the log is to name closed channels, even if nobody asks
            chat.channels.closed(bot.alert_runner.settings.all_channels)
        if web is not None:
            _serve_web(web, bot, chat, settings.web, console)
            stack.push_async_callback(web.stop)
        stack.push_async_callback(chat.drain, DRAIN_TIMEOUT)
        if web is not None:
            # before anything waits: who watches is to go to another bot at once
            stack.callback(web.end_streams)
        rules = RulesLog(settings.policy, bot.servers, bot.dispatcher.commands, chat.people.groups)
        bot.periodic.add(
            *task_table.in_slack(rules, chat, bot.findings, chat.check_other_bots, CHECK_INTERVAL)
        )
        tune_garbage_collector(*THRESHOLDS)
        await run_while_healthy(bot, stopped.wait())


def _alerts_config(
    file: Path | None, chat: Callable[[], SlackChat], *, strict: bool
) -> AlertsConfig | None:
    """Return the alerts that `file` describes, None without a file. Raises SettingsError, and
    ExtensionsLeftOut if it is `strict` and rules of an extension are left out."""
    if file is None:
        return None
    left_out = rules_left_out(file)
    if strict and left_out:
        raise ExtensionsLeftOut(reasons="; ".join(left_out))
    for reason in left_out:
        log.error("rules of an extension are left out", reason=reason)
    return AlertsConfig(
        load_alerts(file),
        front=SlackFront.name,
        links={"Slack": lambda: chat().link is Link.UP},
        unpostable=lambda channels: chat().channels.closed(channels),
        file=file,
    )


def _listen(settings: BotSettings) -> WebServer | None:
    """Return the web server's socket, if it is enabled; FastAPI is loaded only then."""
    if not settings.web.enabled:
        return None
    from bot.web.server import WebServer

    return WebServer.listen(settings.web.address, settings.web.port)


def _console_address(settings: BotSettings, web: WebServer | None) -> ConsoleAddress | None:
    """Return where people open the console; None if there is none."""
    if web is None or not settings.web.console:
        return None
    return ConsoleAddress(settings.web.console_url(web.url))


def _serve_web(
    web: WebServer,
    bot: Bot,
    chat: SlackChat,
    settings: WebTable,
    console: ConsoleAddress | None,
) -> None:
    from bot.alerting.sink import StoredAlertSink
    from bot.web.app import build
    from bot.web.ingest import IngestRoutes

    runner = bot.alert_runner
    sink = None if runner is None else StoredAlertSink(runner, settings.senders)
    ingest = None if sink is None else IngestRoutes(sink, bot.rejections)
    if console is None:
        web.serve(build(status_reader(bot, chat, bot.rejections), ingest))
        return
    from bot.app.console import serve_console
    from bot.web.console.sign_in.session_access import SessionAccess

    dispatching, url = bot.dispatching, console.url
    access = SessionAccess(bot.store.sign_ins, dispatching.people, dispatching.authorizer, url)
    openid = _slack_openid(settings.slack_openid, url, chat)
    serve_console(
        web,
        bot,
        access,
        url=url,
        chat=chat,
        ingest=ingest,
        openid=openid,
        message_address=chat.address,
    )


def _slack_openid(table: SlackOpenIdTable | None, url: str, chat: SlackChat) -> SlackOpenId | None:
    if table is None:
        return None
    from bot.web.console.sign_in.slack_openid import SlackOpenId

    def team() -> str:
        return chat.people.us.team if chat.people.us else ""

    return SlackOpenId(table.client_id, table.client_secret.get_secret_value(), url, team)


def _slack_chat(settings: BotSettings, bot: Bot) -> SlackChat:
    async def where(job: str) -> Place | None:
        row = await bot.store.posts.shown_for(job)
        return Place(row.front, row.channel, row.thread or row.ref) if row is not None else None

    async def others(strangers: int) -> int:
        leases, name = bot.store.leases, bot.name
        if strangers:
            await leases.take(STRANGERS, str(strangers), PRESENCE_SECONDS)
        return await leases.present("slack", name, PRESENCE_SECONDS)

    tokens = Tokens(
        settings.slack.bot_token.get_secret_value(), settings.slack.app_token.get_secret_value()
    )
    return SlackChat(
        bot.dispatcher, tokens, api_url=settings.slack.api_url, where=where, others=others
    )
