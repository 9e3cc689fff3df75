"""Explain why somebody was notified of an alert, or was not: results, thresholds, mutes, routes.
Pure."""

from __future__ import annotations

from alerts.checks import flapping
from alerts.checks.check_state import CheckState
from alerts.checks.checks import CHECKIN
from alerts.checks.heartbeats import phi
from alerts.engine import Engine
from alerts.episodes import Episode
from alerts.labels.matchers import Matchers
from alerts.mute.muting import Muting
from alerts.notify.groups import is_news
from alerts.notify.routes import dropping_route, routes_of
from baton.errors import UsageError
from baton.outcome import duration
from baton.text.words import did_you_mean

GAPS_LISTED = 5
"""The number of intervals between heartbeats that are shown."""


def why_quiet(engine: Engine, episode: Episode) -> str:
    """Return why nobody is notified of an alert that fires; empty if somebody is."""
    muted = engine.muting.muted.get(episode.fingerprint)
    if muted is not None:
        return muted.why
    drop = dropping_route(engine.settings.routes, engine.settings.default_route, episode)
    return "" if drop is None else f"dropped by the route {drop.matchers}"


def acknowledged(episode: Episode) -> str:
    """Return who acknowledged it; empty if nobody did."""
    return f"acknowledged by {episode.acknowledged_by}" if episode.acknowledged_by else ""


def find_by_name(engine: Engine, name: str) -> list[str]:
    """Return the fingerprints of the checks called `name`, which is the beginning of a fingerprint,
    a title, or the value of a label, such as a host's. What fires comes first.

    Raises UsageError if there is no such check.
    """
    states = engine.checks.states
    found = [key for key in states if name and key.startswith(name)]
    if not found:
        found = [
            key
            for key, check in states.items()
            if name in (check.labels.title(), *(value for _, value in check.labels.pairs))
        ]
    if not found:
        values = {value for check in states.values() for _, value in check.labels.pairs}
        raise UsageError(
            f"Nothing that is monitored is called “{name}” or has an ID that begins with "
            f"it.{did_you_mean(name, values)}"
        )
    return _firing_first(engine, found)


def find_by_matchers(engine: Engine, matchers: Matchers) -> list[str]:
    """Return the fingerprints of the checks that match; what fires comes first. Raises UsageError
    if there is none."""
    states = engine.checks.states
    severities = {one.fingerprint: one.severity for one in engine.firing()}
    found = [
        key
        for key, check in states.items()
        if matchers.matches(check.labels, severities.get(key, ""))
    ]
    if not found:
        raise UsageError(f"{matchers} matches nothing that is monitored.")
    return _firing_first(engine, found)


def _firing_first(engine: Engine, found: list[str]) -> list[str]:
    firing = {one.fingerprint for one in engine.firing()}
    states = engine.checks.states
    return sorted(found, key=lambda key: (key not in firing, states[key].labels.pairs))


def explain(engine: Engine, fingerprint: str, now: float) -> tuple[str, ...]:
    """Return what is known of a check and what happened to its alert, one fact a line.
    `fingerprint` may be the beginning of one.

    Raises UsageError if it is the beginning of no fingerprint, or of several.
    """
    states = engine.checks.states
    found = [key for key in states if fingerprint and key.startswith(fingerprint)]
    if len(found) != 1:
        what = f"More than one check ({len(found)})" if found else "No check"
        raise UsageError(f"{what} has an ID that begins with “{fingerprint}”.")
    check = states[found[0]]
    episode = next((one for one in engine.firing() if one.fingerprint == found[0]), None)
    source = f"reported by {check.source}" if check.source else "source: unknown"
    lines = [f"{check.labels.title()} ({found[0]}), {source}"]
    lines += [f"labels: {check.labels}"]
    lines += _samples(check, now)
    lines += _state(engine, check, now)
    if episode is None:
        lines.append("it is not firing, so nobody is notified")
    else:
        lines += _episode(episode, now)
        lines += _muting(engine.muting, episode, now)
        lines += _groups(engine, episode, now)
    if engine.blind_since is not None:
        lines.append(
            f"monitoring has been blind for {duration(now - engine.blind_since)}; alert states do"
            " not change meanwhile"
        )
    return tuple(lines)


def _samples(check: CheckState, now: float) -> list[str]:
    return [
        f"{duration(now - at)} ago: {'bad' if bad else 'good'}" + (f": {text}" if text else "")
        for at, bad, text in check.recent
    ]


def _state(engine: Engine, check: CheckState, now: float) -> list[str]:
    settings = engine.settings
    lines = [
        f"last result: {'bad' if check.bad else 'good'}; "
        f"it counts as {'down' if check.down else 'up'}"
    ]
    limits = settings.thresholds_by_source()
    limit = limits.get(check.source, limits[""])
    if check.run:
        needed = limit.up_after if check.down else limit.down_after
        lines.append(f"{check.run} of {needed} consecutive results that would change that")
    bits, _ = flapping.aged(check.bits, check.changes, now, settings.flapping.window)
    flaps, value = settings.flapping, flapping.value(bits)
    rule = f"starts above {flaps.high:g} %, ends at {flaps.low:g} %"
    lines.append(f"flapping: {'yes' if check.flapping else 'no'} (value {value:.1f} %, {rule})")
    if check.rhythm is not None:
        lines += _heartbeat(engine, check, now)
    elif check.source.startswith(CHECKIN):
        due = "it is late" if check.bad else f"late in {duration(check.due - now)}"
        since = f"{duration(now - check.received)} ago"
        last = (
            f"no check-in yet, expected since {since}"
            if check.awaited
            else f"last check-in {since}"
        )
        lines.append(f"{last}; {due}")
    return lines


def _heartbeat(engine: Engine, check: CheckState, now: float) -> list[str]:
    table, rhythm = engine.settings.heartbeats, check.rhythm
    assert rhythm is not None
    silent = now - check.received
    line = f"last heartbeat {duration(silent)} ago, expected every {duration(rhythm.interval)}"
    if rhythm.gaps:
        last = ", ".join(duration(gap) for gap in rhythm.gaps[-GAPS_LISTED:])
        line += f"; the last intervals were {last}"
    normal = rhythm.normal(table.least_deviation, table.pause)
    if check.leaving:
        back = duration(table.stopped)
        return [line, f"its agent was stopped: it counts as down if it is not back after {back}"]
    if normal is None:
        allowed = duration(check.allowance(table))
        count = len(rhythm.gaps)
        known = "1 interval is" if count == 1 else f"{count} intervals are"
        return [
            line,
            f"only {known} known, so it counts as down after {allowed} without a heartbeat",
        ]
    allowed = duration(check.allowance(table))
    sure = f"phi is {phi(silent, *normal):.1f}; it counts as down from {table.threshold:g}"
    return [line, f"{sure}, which is {allowed} without a heartbeat"]


def _episode(episode: Episode, now: float) -> list[str]:
    line = f"episode {episode.number}: {episode.state}, {episode.severity}"
    lines = [f"{line}, for {duration(now - episode.started)}"]
    if episode.acknowledged_by:
        lines.append(
            f"acknowledged by {episode.acknowledged_by}, so notifications are not repeated"
        )
    if episode.flapping:
        lines.append("it is flapping, so its changes between up and down send no notifications")
    return lines


def _muting(muting: Muting, episode: Episode, now: float) -> list[str]:
    muted = muting.muted.get(episode.fingerprint)
    lines = []
    if muted is not None:
        left = "" if muted.until is None else f", for {duration(muted.until - now)} more"
        lines.append(f"not notified: {muted.why}{left}")
    found = muting.inhibitor.inhibited_by(episode.fingerprint)
    if found is not None:
        lines.append(f"inhibit rule: {found[1]}")
    return lines


def _groups(engine: Engine, episode: Episode, now: float) -> list[str]:
    settings = engine.settings
    lines = [
        f"{f'route {route.matchers}' if str(route.matchers) else 'the default route'} sends it to"
        f" {route.channel}"
        for route in routes_of(settings.routes, settings.default_route, episode)
    ]
    drop = dropping_route(settings.routes, settings.default_route, episode)
    if drop is not None:
        lines.append(f"route {drop.matchers} drops it: nobody is notified")
    for group in engine.dispatcher.groups_of(episode.fingerprint):
        post = f"post {group.id} in {group.channel}"
        if group.storm:
            post += " (a storm: the channel had too many messages)"
        if not group.posted:
            wait = "is not sent yet"
            if now < group.flush_at < float("inf"):
                wait += f", but in {duration(group.flush_at - now)}"
        else:
            wait = f"last sent a message {duration(now - group.flushed)} ago"
            if is_news(group.members[episode.fingerprint], episode):
                wait += (
                    "; the change is included in the next message, in"
                    f" {duration(group.flush_at - now)}"
                )
        lines.append(f"{post} {wait}")
    return lines
