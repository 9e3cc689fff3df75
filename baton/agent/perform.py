"""A run is performed: its consumer works within its time limit, up to the closing message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from baton.agent.verdicts import STOPPED, Verdict, verdict_of
from baton.bus.messages import Message
from baton.consumer import Consumer
from baton.errors import BatonError
from baton.run import Run

log = structlog.get_logger(__name__)


async def perform(
    consumer: Consumer[Any], run: Run[Any], asked: Callable[[], Verdict | None] = lambda: None
) -> Message:
    """Have `consumer` do what `run` is for, within its time limit; return the closing message.

    `asked` says whether the run was asked to end, and how; whoever asked then cancels the task. The
    cancellation ends here, so that nothing prevents the end from being recorded.
    """
    error: BaseException | None = None
    limit = consumer.time_limit(run)
    bound = asyncio.timeout(limit.seconds)
    if asked() is None:
        try:
            async with bound:
                await consumer.process_message(run)
        except (Exception, asyncio.CancelledError, SystemExit) as raised:
            error = raised
    ended_by = asked()
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()
        ended_by = ended_by or STOPPED
    if error is not None and not isinstance(error, BatonError | asyncio.CancelledError):
        command, job = run.request.command, run.request.job
        log.error("consumer failed", command=command, job=job, exc_info=error)
    verdict = verdict_of(
        error,
        asked=ended_by,
        overran=limit.seconds if bound.expired() else None,
        setting=limit.setting,
    )
    return run.close(verdict.state, verdict.text)
