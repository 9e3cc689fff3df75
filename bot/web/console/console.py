"""The routes of the console, added to the bot's HTTP app."""

from __future__ import annotations

from fastapi import FastAPI

from bot.store.errors import DatabaseUnavailable
from bot.web.console.api.me import me_routes
from bot.web.console.api.problems import API, console_error
from bot.web.console.errors import ConsoleError
from bot.web.console.parts import ConsoleParts


def add_console(app: FastAPI, parts: ConsoleParts) -> None:
    """Add the console that is made of `parts` to `app`."""
    app.add_exception_handler(ConsoleError, console_error)
    app.add_exception_handler(DatabaseUnavailable, console_error)
    app.include_router(me_routes(parts.access), prefix=API)
