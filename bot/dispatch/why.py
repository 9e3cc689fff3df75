"""The answer to "why can't I": what every gate says of a request, as one list. Pure."""

from __future__ import annotations

from baton.outcome import Answer
from bot.dispatch.gates.finding import Held, Refused, state_of
from bot.dispatch.plan import Plan
from bot.dispatch.reply import Reply

_COLUMNS = ("gate", "state", "why")


def why_reply(plan: Plan) -> Reply:
    """Return what every gate says of the request that `plan` is of."""
    if plan.findings:
        rows = tuple((one.gate, state_of(one), one.text) for one in plan.findings)
        return Reply(answer=Answer(_summary(plan), _COLUMNS, rows))
    if plan.refusal is not None:
        return Reply(plan.refusal.text)
    return Reply(
        f"{plan.text}: no gate stands before it. The bot answers it itself, and decides then "
        "whether you may read the answer."
    )


def _summary(plan: Plan) -> str:
    closed = [one.gate for one in plan.findings if isinstance(one, Refused)]
    waits = [one.gate for one in plan.findings if isinstance(one, Held)]
    if closed:
        verb = "stands" if len(closed) == 1 else "stand"
        return f"{plan.text} would not start: {', '.join(closed)} {verb} in its way"
    if waits:
        return f"{plan.text} would wait for: {', '.join(waits)}"
    return f"{plan.text} would start: every gate is open"
