"""`/alerts why`: why an alert fires, or does not, and why nobody was notified."""

from __future__ import annotations

import re
from collections.abc import Sequence

from alerts.episodes import SHORT_ID
from alerts.explain import explain, find_by_matchers, find_by_name
from alerts.labels.matchers import Matchers, has_operator
from baton.errors import UsageError
from baton.outcome import named
from bot.alerting.commands.context import AlertsContext
from bot.dispatch.reply import Reply

_GROUP = re.compile(r"[0-9a-f]{16}/\d+")
"""What the button of a post names."""
MAX_EXPLAINED = 3
MAX_NAMED = 10
"""Alerts that are named beside those that are explained."""


async def why(context: AlertsContext, words: Sequence[str]) -> Reply:
    """Explain what is named. Raises UsageError."""
    if not words:
        raise UsageError("Which alert? /alerts why ALERT; /alerts shows their ids.")
    names = _named(context, words)
    watches = context.engine.checks.states
    of = {name: watches[name].labels.get("env") if name in watches else "" for name in names}
    if unread := await context.refuse_reading(set(of.values()) & context.hidden):
        return unread
    explained = [explain(context.engine, name, context.now) for name in names[:MAX_EXPLAINED]]
    lines = ["\n".join(one) for one in explained]
    if len(names) > len(explained):
        more = [
            f"{watches[key].labels.title()} ({key[:SHORT_ID]})" for key in names[len(explained) :]
        ]
        lines.append(f"and {named(more, MAX_NAMED)}: /alerts why ID for each")
    return await context.record_answer(Reply("\n\n".join(lines)))


def _named(context: AlertsContext, words: Sequence[str]) -> list[str]:
    """Return the fingerprints of what these words mean: the group of a button, matchers, or a
    name."""
    if _GROUP.fullmatch(words[0]):
        return [one.fingerprint for one in context.find_alerts(words, "why")]
    said = context.text_after("why")
    if has_operator(said):
        return find_by_matchers(context.engine, Matchers.parse(said))
    return find_by_name(context.engine, " ".join(words))
