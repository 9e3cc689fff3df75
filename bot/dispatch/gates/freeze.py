"""The gate of freezes: in a window of [[freeze]] nothing changes, unless somebody who may breaks
the glass, with a reason. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.dispatch.gates.finding import Finding, Open, Refused
from bot.dispatch.gates.freezing.windows import Freeze, Frozen, frozen_by, frozen_until
from bot.dispatch.gates.situation import Gate, Situation


class FreezeGate(Gate):
    """Looks at `freezes`."""

    def __init__(self, freezes: Sequence[Freeze]) -> None:
        self._freezes = freezes

    def look(self, situation: Situation) -> Finding:
        """Return the freeze that is on, if there is one and they do not break it."""
        intent, now = situation.intent, situation.now
        if not intent.changes:
            return Open("freeze", "It only looks: no freeze is about it.")
        found = [
            (environment, one)
            for environment in intent.environments
            for one in frozen_by(self._freezes, environment, intent.app, now)
        ]
        if not found:
            return Open("freeze", "No freeze is on.")
        kept = [(where, one) for where, one in found if not _passes(one.freeze, situation)]
        if situation.asked.break_glass and not kept:
            names = ", ".join(sorted({_cited(one.freeze) for _, one in found}))
            by = situation.asker.label
            text = f"{by} breaks the freeze {names}: {situation.asked.break_glass}"
            return Open("freeze", text, broke=names)
        environment, first = (kept or found)[0]
        ends = [frozen_until(self._freezes, each, intent.app, now) for each in intent.environments]
        until = max(end for end in ends if end is not None)
        return Refused(
            "freeze", _text(situation, environment, first, until), whom(first.freeze), until
        )


def whom(freeze: Freeze) -> str:
    """Return who may break `freeze`, as people write it; empty if nobody may."""
    return ", ".join(f"@{who}" for who in freeze.may_break)


def until_text(until: datetime, freeze: Freeze) -> str:
    """Return `Mon 30 Nov 2026 08:00 (Europe/London)`."""
    return f"{until.astimezone(freeze.zone):%a %d %b %Y %H:%M} ({freeze.zone.key})"


def _text(situation: Situation, environment: str, one: Frozen, until: datetime) -> str:
    intent, freeze = situation.intent, one.freeze
    what = f"{intent.app} in {environment}" if intent.app else environment
    text = f"Frozen: {what}, by “{freeze.name}”, until {until_text(until, freeze)}."
    if not freeze.may_break:
        return f"{text} Nobody may break this freeze."
    if situation.asked.broken is not None:
        return f"{text} To pass it, one of {whom(freeze)} asks again, with --break-glass."
    if situation.asked.break_glass or not _may_break(freeze, situation):
        return f"{text} Only {whom(freeze)} may break it. Wait, or ask one of them."
    return f'{text} You may break it: add --break-glass "reason".'


def _cited(freeze: Freeze) -> str:
    return f"“{freeze.name}”"


def _passes(freeze: Freeze, situation: Situation) -> bool:
    """Return whether they may break `freeze`, and have not passed others than it."""
    broken = situation.asked.broken
    return _may_break(freeze, situation) and (broken is None or _cited(freeze) in broken)


def _may_break(freeze: Freeze, situation: Situation) -> bool:
    member = situation.asker.standing == "member"
    return any(
        who == situation.asker.id or (member and who in situation.groups)
        for who in freeze.may_break
    )
