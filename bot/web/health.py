"""Says whether the bot is ready, part by part, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from baton.outcome import duration
from bot.web.status import BotStatus, LinkStatus, TaskHealth

MAX_CLOCK_SKEW = 5.0
"""Seconds by which our clock may differ from the chat's."""
MAX_FINDINGS = 3
"""Findings that are shown."""
MAX_TEXT = 300
"""Characters of each."""
MAX_POST_DELAY = 60.0
"""Seconds that a post may wait before people miss it. Slack's own limits delay it less."""


@dataclass(frozen=True, slots=True)
class PartHealth:
    """The health of a part of the bot: whether it is `well`, in words and in numbers (seconds, by
    name)."""

    name: str
    well: bool
    words: str
    numbers: Mapping[str, float] = field(default_factory=dict)


def parts(vitals: BotStatus) -> list[PartHealth]:
    """Return the health of every part. If one is not well the bot is not ready."""
    found = [_bus(vitals)]
    if vitals.chat is not None:
        found.append(_chat(vitals.chat, vitals))
    return [
        *found,
        _database(vitals),
        _leadership(vitals),
        _posts(vitals),
        _tasks(vitals),
        _findings(vitals),
    ]


def _bus(vitals: BotStatus) -> PartHealth:
    """A missing queue that only alerts need leaves the bot ready, and must be known."""
    part = _link("bus", vitals.bus)
    words = ". ".join(
        [part.words, *(f"alerts over RabbitMQ do not work: {one}" for one in vitals.lacking)]
    )
    return PartHealth(part.name, part.well, words, part.numbers)


def _link(name: str, seen: LinkStatus) -> PartHealth:
    for_so_long = f"for {duration(seen.seconds)}"
    words = f"connected {for_so_long}" if seen.up else f"not connected {for_so_long}: {seen.reason}"
    return PartHealth(name, seen.up, words, {"since_seconds": seen.seconds})


def _chat(seen: LinkStatus, vitals: BotStatus) -> PartHealth:
    part = _link("slack", seen)
    words, numbers, ahead = [part.words], {**part.numbers}, vitals.clock_ahead
    if ahead is not None:
        numbers["clock_ahead_seconds"] = ahead
        if abs(ahead) >= MAX_CLOCK_SKEW:
            words.append(f"our clock is {clock_words(ahead)} Slack's")
    if seen.up and vitals.quiet is not None:
        words.append(f"last message {duration(vitals.quiet)} ago")
        numbers["heard_seconds_ago"] = vitals.quiet
    if vitals.strangers:
        words.append(
            "another program is connected with this app's tokens and receives a part of people's "
            "requests: give each Baton a Slack app of its own"
        )
        numbers["strange_connections"] = vitals.strangers
    return PartHealth("slack", seen.up and not vitals.strangers, "; ".join(words), numbers)


def clock_words(ahead: float) -> str:
    """Return `180 s ahead of` or `180 s behind`."""
    return f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'}"


def _database(vitals: BotStatus) -> PartHealth:
    if vitals.answered is None:
        return PartHealth("database", False, f"unavailable: {vitals.database_reason}")
    words = f"responded in {max(vitals.answered * 1000, 1):.0f} ms"
    return PartHealth("database", True, words, {"answered_seconds": vitals.answered})


def _leadership(vitals: BotStatus) -> PartHealth:
    """A bot that does not lead is well: another one leads, or will soon."""
    if vitals.leading:
        return PartHealth("leadership", True, "leader: it processes jobs and posts updates")
    return PartHealth(
        "leadership", True, "standby: it accepts commands, and becomes leader if the leader fails"
    )


def _posts(vitals: BotStatus) -> PartHealth:
    oldest = {"oldest_waiting_seconds": vitals.oldest_waiting}
    if not vitals.waiting:
        return PartHealth("posts", True, "no posts are waiting", oldest)
    count = "1 post is" if vitals.waiting == 1 else f"{vitals.waiting} posts are"
    words = f"{count} waiting, the oldest for {duration(vitals.oldest_waiting)}"
    return PartHealth("posts", vitals.oldest_waiting < MAX_POST_DELAY, words, oldest)


def _findings(vitals: BotStatus) -> PartHealth:
    """A problem of others leaves this bot ready, and must be known without alerts too."""
    count = len(vitals.findings)
    if not count:
        return PartHealth("findings", True, "no problems were found recently", {"count": 0})
    shown = [
        f"{text[:MAX_TEXT]}…" if len(text) > MAX_TEXT else text
        for text in vitals.findings[:MAX_FINDINGS]
    ]
    more = f" And {count - MAX_FINDINGS} more: see the log." if count > MAX_FINDINGS else ""
    return PartHealth("findings", True, " ".join(shown) + more, {"count": count})


def _tasks(vitals: BotStatus) -> PartHealth:
    """A task fails because a part of its own is not well, or by a fault of ours that other bots
    would have too: this bot stays ready."""
    numbers = {
        f"{task.name}_succeeded_seconds_ago": task.seconds
        for task in vitals.tasks
        if task.seconds is not None
    }
    failing = [_failure(task) for task in vitals.tasks if task.error]
    return PartHealth("tasks", True, "; ".join(failing) or "all recurring tasks succeed", numbers)


def _failure(task: TaskHealth) -> str:
    last = "never" if task.seconds is None else f"{duration(task.seconds)} ago"
    return f"{task.name} fails: {task.error} (last success: {last})"
