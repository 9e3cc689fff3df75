"""The routes of the console, added to the bot's HTTP app."""

from __future__ import annotations

from fastapi import FastAPI

from bot.store.errors import DatabaseUnavailable
from bot.web.console.api.app import build_api
from bot.web.console.api.problems import API
from bot.web.console.asking import Asking
from bot.web.console.errors import ConsoleError
from bot.web.console.feed.feeds import Feeds
from bot.web.console.feed.routes import FeedRoutes
from bot.web.console.pages.asking import ask_routes
from bot.web.console.pages.dead_letters import dead_letter_routes
from bot.web.console.pages.failures import Failures
from bot.web.console.pages.gates import gate_pages
from bot.web.console.pages.history import history_routes
from bot.web.console.pages.home import home_routes
from bot.web.console.pages.job import job_routes
from bot.web.console.pages.lists import list_routes
from bot.web.console.pages.pages import PageParts
from bot.web.console.pages.rendering import Renderer
from bot.web.console.pages.run import run_routes
from bot.web.console.pages.static_files import StaticFiles
from bot.web.console.pages.typing_help import typing_routes
from bot.web.console.parts import ConsoleParts
from bot.web.console.reading.alerts import AlertReading
from bot.web.console.reading.gates import GateReading
from bot.web.console.reading.jobs import JobReading
from bot.web.console.reading.schedules import ScheduleReading
from bot.web.console.reading.servers import ServerReading
from bot.web.console.security_headers import SecurityHeaders
from bot.web.console.sign_in.passkeys import PasskeyPages
from bot.web.console.sign_in.routes import SignInPages
from bot.web.console.sign_in.session_access import SessionAccess


def add_console(app: FastAPI, parts: ConsoleParts) -> Failures:
    """Add the console that is made of `parts` to `app`; return what answers, for people, what goes
    wrong elsewhere in the app."""
    static = StaticFiles()
    renderer = Renderer(static, parts.status, parts.clock)
    failures = Failures(renderer, parts.access)
    app.add_middleware(SecurityHeaders)
    app.add_exception_handler(ConsoleError, failures.answer)
    app.add_exception_handler(DatabaseUnavailable, failures.answer)
    asking = Asking(parts.dispatcher, parts.store.ledger)
    feeds = Feeds(parts.store.ledger, parts.stopping, parts.clock)
    streams = FeedRoutes(parts, feeds)
    app.include_router(streams.pages())
    gates = GateReading(parts)
    servers, alerts, schedules = ServerReading(parts), AlertReading(parts), ScheduleReading(parts)
    app.mount(API, build_api(parts, asking, streams, servers, alerts, schedules, gates))
    app.include_router(static.routes())
    jobs = JobReading(parts)
    pages = PageParts(parts, renderer, asking, jobs, servers, alerts, schedules, gates)
    for routes in (
        home_routes(pages),
        list_routes(pages),
        gate_pages(pages),
        dead_letter_routes(pages),
        history_routes(pages),
        run_routes(pages),
        typing_routes(pages),
        ask_routes(pages),
        job_routes(pages),
    ):
        app.include_router(routes)
    if isinstance(parts.access, SessionAccess):
        app.include_router(SignInPages(parts.access, parts, renderer).routes())
        app.include_router(PasskeyPages(parts, jobs).routes())
    return failures
