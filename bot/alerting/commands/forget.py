"""`/alerts forget`: what is gone for good, such as a server that was taken out of service: nothing
would ever end its alert."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.checks.checks import CHECKIN, PROBE
from baton.errors import UsageError
from bot.alerting.commands.context import AlertsContext
from bot.alerting.operations import ForgetAlert
from bot.dispatch.reply import Reply


async def forget(context: AlertsContext, words: Sequence[str]) -> Reply:
    """End an alert; its target is monitored again once it reports again. Raises UsageError."""
    episodes = context.find_alerts(words, "forget")
    if len(episodes) > 1:
        raise UsageError(f"{words[0]} matches {len(episodes)} alerts: forget them one by one.")
    (episode,) = episodes
    watch = context.engine.checks.states[episode.fingerprint]
    title = episode.title
    if watch.source.startswith((CHECKIN, PROBE)):
        raise UsageError(
            f"{title} is configured in alerts.toml ({watch.source}): remove it there, then run "
            "/alerts reload."
        )
    operation = ForgetAlert(by=context.asker, at=context.now, fingerprint=episode.fingerprint)
    text = f"Forgotten: {title}. It is monitored again once it reports again."
    return await context.submit(operation, [episode.labels.get("env")], text)
