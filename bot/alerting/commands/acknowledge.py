"""`/alerts ack`: somebody takes an alert on, and it is not repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from alerts import Episode
from baton.outcome import named
from bot.alerting.commands.context import AlertsContext, titles
from bot.alerting.operations import Acknowledge
from bot.dispatch.reply import Reply

ACKNOWLEDGE_TIMEOUT = 1.5
"""Seconds for which it is waited who acknowledged something."""
POLL_INTERVAL = 0.1


async def acknowledge(context: AlertsContext, words: Sequence[str]) -> Reply:
    """Acknowledge what is named. Raises UsageError."""
    episodes = context.find_alerts(words, "ack")
    what = " ".join(one.fingerprint for one in episodes)
    operation = Acknowledge(by=context.asker, at=context.now, what=what)
    known = {one.fingerprint: one for one in episodes}
    reply = await context.submit(operation, [one.labels.get("env") for one in episodes], "")
    if not reply.ok:
        return reply
    now = await _acknowledged(context, known)
    others = sorted({one.acknowledged_by for one in now} - {"", context.asker})
    mine = [one for one in now if one.acknowledged_by in ("", context.asker)]
    before = [one for one in mine if known[one.fingerprint].acknowledged_by]
    if not mine:
        return Reply(f"{named(others)} already acknowledged that.")
    if len(before) == len(mine) and not others:
        return Reply(f"{context.asker} already acknowledged that.")
    besides = f" {named(others)} already acknowledged the rest." if others else ""
    return Reply(f"Acknowledged: {titles(mine)}.{besides}")


async def _acknowledged(context: AlertsContext, known: Mapping[str, Episode]) -> list[Episode]:
    """Return these episodes once the leader has recorded who acknowledged them, or as they are if
    that takes too long: somebody else may have been a moment earlier."""
    ended = asyncio.get_running_loop().time() + ACKNOWLEDGE_TIMEOUT
    while True:
        engine = await context.runner.view()
        firing = {one.fingerprint: one for one in engine.firing()}
        now = [firing.get(key, one) for key, one in known.items()]
        acknowledged = all(one.acknowledged_by or one.fingerprint not in firing for one in now)
        if acknowledged or asyncio.get_running_loop().time() >= ended:
            return now
        await asyncio.sleep(POLL_INTERVAL)
