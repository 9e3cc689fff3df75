"""Watches a job until it has ended, and returns its exit code."""

from __future__ import annotations

import os
import sys
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from baton.errors import BatonError
from bot.cli.console.session import ConsoleSession

if TYPE_CHECKING:
    from baton.client import AskResult
    from bot.cli.console.views import View


def view(as_json: bool, host: str = "") -> View:
    """Return what shows a job: JSON if it is wanted, bars on a terminal, else lines."""
    from bot.cli.console.views import JsonView, PlainView

    if as_json:
        return JsonView(host)
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        from bot.cli.console.live import LiveView

        return LiveView(host)
    return PlainView(host)


async def watch(session: ConsoleSession, job: str, shown: View) -> int:
    """Show `job` by `shown` until it has ended. Return its exit code."""
    from bot.cli.console.exit_codes import of_ending
    from bot.jobs import short_id

    session.on_interrupt = goes_on(short_id(job))
    with shown:
        async with aclosing(session.client.watch(job)) as frames:
            async for frame in frames:
                shown.show(frame)
        ended = await session.client.job(job)
        shown.end(ended)
    return of_ending(ended.ending)


def goes_on(job: str) -> str:
    """Return what somebody reads who stops to watch `job`."""
    return f"Job {job} goes on. Watch it again: baton log {job} -f. Cancel it: baton cancel {job}."


async def answer(session: ConsoleSession, asked: AskResult, *, follow: bool, as_json: bool) -> int:
    """Show what was answered at once; with `follow` watch the job that was started, or that it is
    about. Return the exit code."""
    from bot.cli.console.exit_codes import FAILED, SUCCEEDED
    from bot.cli.console.session import show, show_json
    from bot.jobs import short_id

    job = short_id(asked.job)
    if as_json:
        if follow and asked.job:
            return await watch(session, asked.job, view(as_json))
        show_json(asked.model_dump(mode="json"))
        return SUCCEEDED if asked.ok else FAILED
    _show_answer(asked)
    if follow and asked.job:
        show(f"Job {job}: {asked.url or 'started'}")
        return await watch(session, asked.job, view(as_json))
    if asked.started:
        waits = await _waits(session, asked.job)
        begin = f"waits, and nothing was sent: {waits}" if waits else "has started"
        show(f"Job {job} {begin}. Watch it: baton log {job} -f. Cancel it: baton cancel {job}.")
    return SUCCEEDED if asked.ok else FAILED


def _show_answer(asked: AskResult) -> None:
    from bot.cli.console.session import show
    from bot.cli.console.table import table

    found = asked.answer
    texts = [asked.text, *((found.summary, found.document) if found else ())]
    for text in filter(None, texts):
        show(text.rstrip("\n"))
    for line in table(found.columns, found.rows) if found and found.rows else ():
        show(line)


async def _waits(session: ConsoleSession, job: str) -> str:
    """Return what a job that was just asked for waits for; empty if it does not, or if the console
    does not say it now: it was asked for all the same."""
    with suppress(BatonError):
        return (await session.client.job(job)).waits
    return ""
