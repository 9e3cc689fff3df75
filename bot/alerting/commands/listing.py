"""`/alerts` and `/alerts history`: what fires, and what has fired."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from alerts.episodes import SHORT_ID
from alerts.explain import acknowledged, why_quiet
from baton.outcome import Answer, duration
from bot.alerting.commands.context import AlertsContext
from bot.dispatch.reply import Reply


async def list_firing(context: AlertsContext, env: str) -> Reply:
    """Show what fires, in the environment `env` or, if that is empty, everywhere."""
    if env and (unread := await context.refuse_reading([env])):
        return unread
    firing = [one for one in context.engine.firing() if env in ("", one.labels.get("env"))]
    firing, left = context.readable(firing)
    where = f" in {env}" if env else ""
    if context.engine.blind_since is not None:
        where += (
            f" (monitoring has been blind for {duration(context.now - context.engine.blind_since)};"
            " states may be out of date)"
        )
    closed = context.runner.unpostable(context.runner.settings.all_channels)
    untold = "".join(
        f"\nNotifications cannot be sent to {one}: {why}" for one, why in closed.items()
    )
    if not firing:
        return await context.record_answer(Reply(f"No alerts are firing{where}{left}.{untold}"))
    rows = tuple(
        (
            one.fingerprint[:SHORT_ID],
            one.title,
            f"{one.state}, {one.severity}",
            duration(context.now - one.started),
            why_quiet(context.engine, one) or acknowledged(one),
        )
        for one in firing
    )
    columns = ("id", "alert", "state", "for", "note")
    count = "1 alert is firing" if len(rows) == 1 else f"{len(rows)} alerts are firing"
    summary = f"{count}{where}{left}{untold}"
    return await context.record_answer(Reply(answer=Answer(summary, columns, rows)))


async def history(context: AlertsContext, words: Sequence[str]) -> Reply:
    """Show what has fired, the latest first."""
    past, left = context.readable(await context.stored.history())
    if not past and not left:
        return await context.record_answer(Reply("No alert has fired yet."))
    rows = tuple(
        (
            f"{datetime.fromtimestamp(one.started, UTC):%m-%d %H:%M}",
            one.fingerprint[:SHORT_ID],
            f"{one.title} ({one.number})",
            one.state if one.ended is None else f"after {duration(one.ended - one.started)}",
            one.text,
        )
        for one in past
    )
    columns = ("since (UTC)", "id", "alert (occurrence)", "resolved", "message")
    return await context.record_answer(Reply(answer=Answer(f"Latest alerts{left}", columns, rows)))
