"""`/alerts silence`, `unsilence`, `silences`: what is not told for a while, and why."""

from __future__ import annotations

import re
from collections.abc import Sequence

from alerts import Labels, Matchers
from alerts.durations import parse as seconds_of
from baton.errors import UsageError
from baton.outcome import Answer, duration
from bot.alerting.asks import Quiet, Speak
from bot.alerting.preview import preview
from bot.alerting.visit import Visit, titles
from bot.front import Reply

_MATCHER = re.compile(r"([A-Za-z_]\w*)(=~|!~|!=|=)(.*)", re.DOTALL)


async def silence(visit: Visit, words: Sequence[str]) -> Reply:
    """Have it told no more for a while, or say what that would mute. Raises UsageError."""
    unsaid = bool(words) and not {"for", "because"} & {word.lower() for word in words}
    what, seconds, reason = (words, 0.0, "") if unsaid else _quiet(words)
    matchers = _matchers(visit, what)
    if matchers.boundless:
        raise UsageError("That would silence everything: name at least one label's value.")
    if unsaid:
        about = visit.engine.find(words[0])
        return await visit.answered(preview(visit.engine, matchers, about))
    meant = [env for env in visit.environments if _may_mean(matchers, env)]
    wish = Quiet(
        by=visit.by,
        at=visit.now,
        matchers=str(matchers),
        seconds=seconds,
        reason=reason,
        key=visit.ask.key,
    )
    muted = visit.engine.meant(matchers)
    now = f"It mutes now: {titles(muted)}." if muted else "Nothing that fires now is muted by it."
    text = f"Silenced for {duration(seconds)}: {matchers}. {now}"
    return await visit.wanted(wish, meant, text)


async def unsilence(visit: Visit, words: Sequence[str]) -> Reply:
    """End a silence. Raises UsageError."""
    found = [one for one in visit.engine.silences() if words and one.id == words[0]]
    if not found:
        raise UsageError("Which silence? /alerts unsilence ID; /alerts silences shows the ids.")
    meant = [env for env in visit.environments if _may_mean(found[0].matchers, env)]
    wish = Speak(by=visit.by, at=visit.now, id=words[0])
    return await visit.wanted(wish, meant, f"No longer silenced: {found[0].matchers}.")


async def silences(visit: Visit, words: Sequence[str]) -> Reply:
    """Show what is silenced."""
    rows = tuple(
        (one.id, str(one.matchers), duration(one.until - visit.now), one.by, one.reason)
        for one in visit.engine.silences()
        if one.active(visit.now)
    )
    if not rows:
        return await visit.answered(Reply("Nothing is silenced."))
    columns = ("id", "what", "for", "by", "because")
    summary = "1 silence" if len(rows) == 1 else f"{len(rows)} silences"
    return await visit.answered(Reply(answer=Answer(summary, columns, rows)))


def _quiet(words: Sequence[str]) -> tuple[Sequence[str], float, str]:
    """Matchers, seconds, reason. Raises UsageError."""
    lower = [word.lower() for word in words]
    if "because" not in lower or "for" not in lower[: lower.index("because")]:
        must = "/alerts silence MATCHERS for 2h because the disk is being replaced"
        raise UsageError(f"A silence needs an end and a reason: {must}.")
    because = lower.index("because")
    until = because - 1 - lower[:because][::-1].index("for")
    try:
        seconds = seconds_of(" ".join(words[until + 1 : because]))
    except ValueError as error:
        raise UsageError(f"After “for” must come {error}.", field="for") from None
    reason = " ".join(words[because + 1 :])
    if not reason or not seconds:
        raise UsageError("A silence needs a reason, and must last.")
    return words[:until], seconds, reason


def _matchers(visit: Visit, words: Sequence[str]) -> Matchers:
    """What these words mean: matchers, or the group of a button, or the id of an alert. Raises
    UsageError."""
    named = len(words) == 1 and "=" not in words[0]
    if named and ("/" in words[0] or visit.engine.find(words[0])):
        shared = _shared([one.labels for one in visit.found(words, "silence")])
        return Matchers.parse(" ".join(f"{name}={_quoted(value)}" for name, value in shared))
    return parsed(words)


def parsed(words: Sequence[str]) -> Matchers:
    """The matchers that these words are. Raises UsageError."""
    # the quotes that a value had are gone: words were split as a shell does
    parts = []
    for word in words:
        found = _MATCHER.fullmatch(word)
        parts.append(f"{found[1]}{found[2]}{_quoted(found[3])}" if found else word)
    return Matchers.parse(" ".join(parts))


def _shared(labels: Sequence[Labels]) -> list[tuple[str, str]]:
    """The labels that all of them have."""
    return [pair for pair in labels[0].pairs if all(pair in one.pairs for one in labels)]


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _may_mean(matchers: Matchers, env: str) -> bool:
    return all(part.matches(env) for part in matchers.parts if part.name == "env")
