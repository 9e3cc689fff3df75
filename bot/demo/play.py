"""The demo: a bus in memory, a SQLite file, a bot, three servers, and a chat."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from alerts import AlertSettings
from baton.bus.connect import connect
from baton.consumer import Extension
from baton.errors import BatonError
from baton.extensions import installed
from bot.app.assemble import assemble
from bot.app.bot import Bot
from bot.app.console import serve_console
from bot.app.dispatching import commands_of
from bot.app.supervise import run_while_healthy
from bot.app.with_alerts import AlertsConfig
from bot.demo.breaking import DemoCommand, DemoHandler
from bot.demo.pretend_servers import ENVIRONMENT, NAMES, PretendServers
from bot.demo.shop import REFS, make_repository
from bot.dispatch.builtin import Builtin
from bot.dispatch.console_address import ConsoleAddress
from bot.dispatch.policy import EnvironmentTable, Policy
from bot.fronts.terminal.chat import TerminalChat, current_user
from bot.fronts.terminal.front import PLACE, TerminalFront
from bot.fronts.terminal.lines import Line, line
from bot.fronts.terminal.people import TerminalDirectory
from bot.fronts.terminal.plain import PlainScreen, can_edit, talk
from bot.store import Store
from bot.web.console.access import LocalAccess
from bot.web.server import CannotListen, WebServer

BUS = "memory://demo"
ALERTS = AlertSettings(channel=PLACE.channel, group_wait=1.0, group_interval=5.0)
"""Three missing heartbeats are an alert: here that takes seconds."""
DISCOVERY_TIMEOUT = 10.0
"""Seconds within which every server must have sent a heartbeat."""

_TRY = (
    (f"/deploy shop {ENVIRONMENT}", "deploy the shop to every server that runs it"),
    (
        f"/deploy shop {ENVIRONMENT} --ref broken",
        "a version that fails its health check: see the rollback",
    ),
    (f"/ping {ENVIRONMENT}", "check that the servers respond"),
    ("/demo break web-2", "a server fails: see the alert, then repair it"),
    ("/help", "list all commands"),
)


CONSOLE_PORT = 8080
"""The port of the demo's console, if it is free."""


class DemoFailed(BatonError):
    """The demo did not start: {reason}."""


async def play() -> int:
    """Run the demo on this terminal. Return the exit code."""
    async with demo_running() as (bot, front, url):
        editing = can_edit()
        chat = TerminalChat(
            bot.dispatcher,
            front,
            bot.store.ledger,
            bot.servers,
            welcome=_welcome(editing, url),
            refs=lambda: REFS,
        )
        if editing:
            from bot.fronts.terminal.editor import Editor

            front.screen = editor = Editor(chat)
            return await run_while_healthy(bot, editor.talk())
        front.screen = screen = PlainScreen(sys.stdout)
        front.whole = chat.output
        interactive = sys.stdin.isatty() and sys.stdout.isatty()
        if not interactive:
            chat.welcome = ()
        talking = talk(chat, screen, sys.stdin.fileno(), interactive=interactive)
        return await run_while_healthy(bot, talking)


@asynccontextmanager
async def demo_running() -> AsyncIterator[tuple[Bot, TerminalFront, str]]:
    """Run the demo, and leave nothing of it behind. Returned are its bot, what shows its posts on
    this terminal, and the address of its console."""
    folder = Path(tempfile.mkdtemp(prefix="baton-demo-"))
    try:
        repository = await make_repository(folder / "shop.git")
        commands = installed()
        async with contextlib.AsyncExitStack() as stack:
            store = await Store.open(f"sqlite:///{folder / 'baton.db'}")
            stack.push_async_callback(store.close)
            channel = await connect(BUS, name="baton bot", owner=True)
            stack.push_async_callback(channel.close)
            servers = PretendServers(folder, BUS, repository, commands)
            known = commands_of(commands, Extension(DemoCommand))
            policy = Policy(environments={ENVIRONMENT: EnvironmentTable(open=True)})
            web = _listen()
            stack.callback(web.close)
            bot = assemble(
                store,
                channel,
                known,
                policy,
                more=lambda audit: [Builtin(DemoCommand, DemoHandler(servers, audit))],
                alerts=AlertsConfig(
                    ALERTS, TerminalFront.name, links={}, unpostable=lambda channels: {}
                ),
                console=ConsoleAddress(web.url, sign_in=False),
            )
            front = TerminalFront()
            bot.show_in(front, TerminalDirectory())
            stack.push_async_callback(bot.stop)
            await bot.start()
            stack.push_async_callback(servers.stop)
            await servers.start()
            await _wait_for_servers(bot)
            serve_console(web, bot, LocalAccess(current_user(), front.name, [web.url]))
            stack.push_async_callback(web.stop)
            yield bot, front, web.url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _listen() -> WebServer:
    """Return a socket for the console: on its usual port if that is free, else on any."""
    try:
        return WebServer.listen("127.0.0.1", CONSOLE_PORT)
    except CannotListen:
        return WebServer.listen("127.0.0.1", 0)


async def _wait_for_servers(bot: Bot) -> None:
    end = time.monotonic() + DISCOVERY_TIMEOUT
    while (heard := len(bot.servers.servers())) < len(NAMES):
        if time.monotonic() > end:
            reason = (
                f"{heard} of {len(NAMES)} servers sent a heartbeat within {DISCOVERY_TIMEOUT:g} s"
            )
            raise DemoFailed(reason=reason)
        await asyncio.sleep(0.02)


def _welcome(editing: bool, url: str) -> list[Line]:
    names = ", ".join(NAMES)
    width = max(len(words) for words, _ in _TRY)
    hint = "Tab completes, Ctrl-C cancels the running job, Ctrl-D exits."
    return [
        (("strong", "Baton"), ("", f": a bot and three simulated servers ({names}), all in here.")),
        line("They deploy a small shop with real commands. Nothing leaves this machine. Try:"),
        line(""),
        *((("prompt", f"  {words:<{width}}"), ("quiet", f"  {what}")) for words, what in _TRY),
        line(""),
        (("", "The same in a browser, with live logs: "), ("strong", f"{url}/")),
        line(hint if editing else "Ctrl-C cancels the running job, Ctrl-D exits.", "quiet"),
        line(""),
    ]
