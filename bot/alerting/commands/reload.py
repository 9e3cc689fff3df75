"""`/alerts reload` and `/alerts replay`: other settings, and what they would change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from alerts import AlertSettings
from alerts.settings import read_alerts, read_text
from alerts.trial import Trial, TrialMessage
from baton.errors import BatonError, UsageError
from baton.outcome import Answer, named
from bot.alerting.commands.context import AlertsContext
from bot.alerting.commands.trial_process import run_trial
from bot.alerting.recorder import find_recording
from bot.alerting.reloader import Reloader, ReloadResults
from bot.dispatch.reply import Reply, ReplyKind
from bot.store.errors import DatabaseUnavailable

REPLAY_TIMEOUT = 120.0
"""Seconds that a replay may take. Whoever waits for it is answered later."""
MAX_SHOWN = 30
"""Messages that are shown of those that differ."""


async def reload(context: AlertsContext, words: Sequence[str]) -> Reply:
    """Use alerts.toml as it is now, in every bot. Raises UsageError."""
    reloader = _reloader(context)
    refusal = await context.refuse_change(context.environments)
    if refusal is not None:
        return refusal
    try:
        settings = reloader.reload()
    except BatonError as error:
        text = f"{error} The settings in force have not changed."
        return Reply(text, kind=ReplyKind.FAILED)
    said = f"Reloaded {reloader.file}: {summary(settings)}."
    try:
        results = await reloader.reload_all_bots()
    except DatabaseUnavailable as error:
        text = f"{said} The other bots were not notified: {error}"
        return Reply(text, kind=ReplyKind.UNAVAILABLE)
    problems = [problem for problem in results.problems.values() if problem]
    kind = ReplyKind.FAILED if problems else ReplyKind.DONE
    return Reply(f"{said} {_others(results, reloader.name)}".strip(), kind=kind)


async def replay(context: AlertsContext, words: Sequence[str]) -> Reply:
    """Show which messages would differ by what alerts.toml says now. Raises UsageError."""
    reloader = _reloader(context)
    table = context.runner.settings.recording
    if table is None:
        raise UsageError("Nothing is recorded: alerts.toml has no [recording] with a folder.")
    if unread := await context.refuse_reading(context.hidden):
        return unread
    file = find_recording(table.folder, words[0] if words else "")
    if reloader.trial_lock.locked():
        raise UsageError("Another replay is running: try again when it is over.")
    await context.audit.write(context.invocation, "answered")
    try:
        new = read_text(reloader.file)
        read_alerts(new, str(reloader.file))
        async with reloader.trial_lock:
            found = await run_trial(file, reloader.text, new, REPLAY_TIMEOUT)
    except BatonError as error:
        return Reply(str(error), kind=ReplyKind.FAILED)
    same = new == reloader.text
    return Reply(answer=answer(found, file, "alerts.toml has not changed: " if same else ""))


def answer(found: Trial, file: Path, before: str = "") -> Answer:
    """Return a table of `found`, which was found in `file`."""
    differing = sorted(
        [(one, "removed") for one in found.gone] + [(one, "new") for one in found.new],
        key=lambda pair: (pair[0].at, pair[1]),
    )
    rows = tuple(_row(one, verdict) for one, verdict in differing[:MAX_SHOWN])
    summary = f"{file.stem}: {before}{found.summary}"
    if len(differing) > MAX_SHOWN:
        summary += f"; the first {MAX_SHOWN}"
    return Answer(summary, ("at (UTC)", "", "where", "what"), rows)


def summary(settings: AlertSettings) -> str:
    """Return what there is in `settings`, for who wants to see whether they are the right ones."""
    counts = [
        (len(settings.route), "route"),
        (len(settings.probe), "probe"),
        (len(settings.checkin), "check-in"),
        (len(settings.maintenance), "maintenance window"),
    ]
    parts = [f"{count} {name}{'s' * (count > 1)}" for count, name in counts if count]
    return ", ".join([f"notifications go to {named(settings.channels)}", *parts])


def _reloader(context: AlertsContext) -> Reloader:
    if context.reloader is None:
        raise UsageError("This bot has no alerts.toml.")
    return context.reloader


def _row(one: TrialMessage, verdict: str) -> tuple[str, ...]:
    mention = f" {one.mention}" if one.mention else ""
    at = f"{datetime.fromtimestamp(one.at, UTC):%m-%d %H:%M:%S}"
    return (at, verdict, one.channel, f"{one.state}: {one.title}{mention}")


def _others(results: ReloadResults, name: str) -> str:
    """Return what the bots beside the one called `name` say."""
    if not results.leader:
        return "There is no leader now: the next one will use its own file."
    if results.leader not in results.problems:
        return "The leader has not confirmed yet: see its log."
    others = {bot: problem for bot, problem in results.problems.items() if bot != name}
    refused = [
        f"{bot} rejected its own file: {problem}" for bot, problem in others.items() if problem
    ]
    if refused:
        lead = "the leader" if results.problems[results.leader] else "not the leader"
        return f"But {'; '.join(refused)} The settings in force there ({lead}) have not changed."
    return "The other bots reloaded too." if others else ""
