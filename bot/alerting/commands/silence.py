"""`/alerts silence`, `unsilence`, `silences`: whom not to notify for a while, of what, and why."""

from __future__ import annotations

import re
from collections.abc import Sequence

from alerts import Labels, Matchers
from alerts.labels.matchers import EXAMPLE, Matcher, excerpt, has_operator
from baton.errors import UsageError
from baton.outcome import Answer, duration
from baton.timing import durations
from bot.alerting.commands.context import AlertsContext, titles
from bot.alerting.commands.silence_preview import preview
from bot.alerting.operations import CreateSilence, ExpireSilence
from bot.dispatch.reply import Reply

_WORD = re.compile(r"""(?:"(?:[^"\\]|\\.)*(?:"|\\?\Z)|'[^']*(?:'|\Z)|[^\s"'])+""", re.DOTALL)
"""A word as it was typed, with its quotes; one that is not closed takes in all that follows."""
_PARTS = frozenset(("for", "because"))


async def silence(context: AlertsContext, words: Sequence[str]) -> Reply:
    """Silence alerts for a while, or show what that would mute. Raises UsageError."""
    said = context.text_after("silence")
    unsaid = bool(said) and not any(word[0].lower() in _PARTS for word in _WORD.finditer(said))
    what, seconds, reason = (said, 0.0, "") if unsaid else _parse_silence(said)
    matchers = _matchers(context, what)
    if matchers.matches_everything:
        raise UsageError("That would silence everything: name at least one label's value.")
    if unsaid:
        if unread := await context.refuse_reading(
            env for env in context.hidden if _may_match(matchers, env)
        ):
            return unread
        about = [] if has_operator(what) else context.firing_called(what)
        return await context.record_answer(preview(context.engine, matchers, about))
    # an environment that it names counts too if no server of it is known yet
    named = {part.value for part in matchers.parts if part.name == "env" and part.op == "="}
    meant = [env for env in {*context.environments, *named} if _may_match(matchers, env)]
    operation = CreateSilence(
        by=context.asker,
        at=context.now,
        matchers=str(matchers),
        seconds=seconds,
        reason=reason,
        key=context.invocation.key,
    )
    muted = context.engine.matched_by(matchers)
    now = f"Muted now: {titles(muted)}." if muted else "It mutes no firing alert."
    text = f"Silenced for {duration(seconds)}: {matchers}. {now}"
    return await context.submit(operation, meant, text)


async def unsilence(context: AlertsContext, words: Sequence[str]) -> Reply:
    """End a silence. Raises UsageError."""
    found = [one for one in context.engine.silences() if words and one.id == words[0]]
    if not found:
        raise UsageError("Which silence? /alerts unsilence ID; /alerts silences shows the ids.")
    meant = [env for env in context.environments if _may_match(found[0].matchers, env)]
    operation = ExpireSilence(by=context.asker, at=context.now, id=words[0])
    return await context.submit(operation, meant, f"No longer silenced: {found[0].matchers}.")


async def silences(context: AlertsContext, words: Sequence[str]) -> Reply:
    """Show what is silenced."""
    active = [one for one in context.engine.silences() if one.active(context.now)]
    # a silence is read by whom it may be made by: whoever may read every environment that it may
    # concern, and without a matcher for `env` that is each of them
    read = [
        one for one in active if not any(_may_match(one.matchers, env) for env in context.hidden)
    ]
    rows = tuple(
        (one.id, str(one.matchers), duration(one.until - context.now), one.by, one.reason)
        for one in read
    )
    left = len(active) - len(read)
    if not rows and not left:
        return await context.record_answer(Reply("Nothing is silenced."))
    columns = ("id", "matchers", "time left", "by", "reason")
    summary = "1 silence" if len(rows) == 1 else f"{len(rows)} silences"
    summary += context.reader.left_out_note("silence", left)
    return await context.record_answer(Reply(answer=Answer(summary, columns, rows)))


def _parse_silence(said: str) -> tuple[str, float, str]:
    """Return matchers, seconds and reason. Raises UsageError."""
    words = [(word[0].lower(), *word.span()) for word in _WORD.finditer(said)]
    because = next((at for at, word in enumerate(words) if word[0] == "because"), len(words))
    lasts = [at for at, word in enumerate(words[:because]) if word[0] == "for"]
    if because == len(words) or not lasts:
        must = "/alerts silence MATCHERS for 2h because the disk is being replaced"
        raise UsageError(f"A silence needs an end and a reason: {must}.")
    (_, before, after), (_, end, rest) = words[lasts[-1]], words[because]
    try:
        seconds = durations.parse(said[after:end])
    except ValueError as error:
        raise UsageError(f"After “for” must come {error}.", field="for") from None
    reason = " ".join(said[rest:].split()).strip("\"'")
    if not reason or not seconds:
        raise UsageError("A silence needs a reason and a duration.")
    return said[:before].strip(), seconds, reason


def _matchers(context: AlertsContext, said: str) -> Matchers:
    """Return what these words mean: matchers, or the group of a button, or an alert. Raises
    UsageError."""
    if said and not has_operator(said):
        if not context.firing_called(said):
            raise UsageError(
                f"“{excerpt(said)}” is neither a matcher nor the name of a firing alert: "
                f"use {EXAMPLE}, or an ID from /alerts.",
                field="matchers",
            )
        shared = _shared([one.labels for one in context.find_alerts(said.split(), "silence")])
        return Matchers(tuple(Matcher(name, "=", value) for name, value in shared))
    return Matchers.parse(said)


def _shared(labels: Sequence[Labels]) -> list[tuple[str, str]]:
    """Return the labels that all of them have."""
    return [pair for pair in labels[0].pairs if all(pair in one.pairs for one in labels)]


def _may_match(matchers: Matchers, env: str) -> bool:
    return all(part.matches(env) for part in matchers.parts if part.name == "env")
