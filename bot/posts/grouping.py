"""The results of many servers as a few groups, however many servers there are. Pure.

Failures are alike if they ended in the same state for the same reason, successes if their output is
the same. A server's own name, times, ids and long numbers do not count as a difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from baton.bus.messages import State
from baton.outcome import named
from bot.content import FleetContent, Group
from bot.jobs import URGENCY, RunRecord, Tail, all_ended, counts

MAX_SINGLE_POSTS = 5
"""Up to so many servers have a post each in the thread."""
MAX_FAILURE_GROUPS = 5
"""Kinds of failure that are shown; the rest are counted."""
MAX_TAIL = 900
"""Characters of output that are shown for a group, at most: all groups must fit into the post."""
MAX_REASON = 300
"""Characters of a reason that are shown, at most."""
MAX_NAMED = 8
"""Servers of a group that are named, at most."""

_VARYING = re.compile(
    r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?"  # times of the day
    r"|\d+(?:\.\d+)?(?= ?(?:ms|s|sec|secs|seconds|min|minutes|h)\b)"  # how long it took
    r"|\b(?=[a-f]*\d)[0-9a-f]{7,}\b"  # commits, ids
    r"|\d{4,}"  # processes, ports, dates
)


def too_many_for_single_posts(runs: Sequence[RunRecord]) -> bool:
    """Return whether these are too many for a post each."""
    return len(runs) > MAX_SINGLE_POSTS


def hosts_needed(runs: Sequence[RunRecord]) -> list[str]:
    """Return the servers whose output is needed for the groups: one of each kind of failure, and
    once all have ended those that succeeded, to compare their output."""
    shown = [kind[0].host for kind in _failures(runs)[:MAX_FAILURE_GROUPS]]
    if all_ended(runs):
        shown += [run.host for run in runs if run.state is State.SUCCEEDED]
    return shown


def fleet_content(
    job: str, state: State, runs: Sequence[RunRecord], tails: Mapping[str, Tail]
) -> FleetContent | None:
    """Return the post of what these servers report; None while there is nothing beside the counts.
    `state` is the state of the job."""
    kinds = _failures(runs)
    ended = all_ended(runs)
    groups = [_failed(kind, tails) for kind in kinds[:MAX_FAILURE_GROUPS]]
    if ended:
        groups += _succeeded([run for run in runs if run.state is State.SUCCEEDED], tails)
    if not kinds and not any(group.text for group in groups):
        return None
    rest = ""
    if left := [run for kind in kinds[MAX_FAILURE_GROUPS:] for run in kind]:
        more = len(kinds) - MAX_FAILURE_GROUPS
        what = "1 more reason" if more == 1 else f"{more} more reasons"
        rest = f"{what}, on {_servers(len(left))}: {named(_hosts(left), MAX_NAMED)}"
    summary = f"{counts(runs)} of {len(runs)}"
    return FleetContent(state, summary, tuple(groups), rest, job)


def _failures(runs: Sequence[RunRecord]) -> list[list[RunRecord]]:
    """Return the runs that failed by kind: the most urgent kinds first, of those the largest. In
    each kind the run that ended first is the first, so that the post does not change needlessly."""
    kinds: dict[tuple[State, str], list[RunRecord]] = {}
    for run in runs:
        if run.state.final and run.state is not State.SUCCEEDED:
            kinds.setdefault((run.state, _alike(run.text, run.host)), []).append(run)
    for kind in kinds.values():
        kind.sort(key=lambda run: (run.finished or run.deadline, run.host))
    return sorted(
        kinds.values(),
        key=lambda kind: (URGENCY.index(kind[0].state), -len(kind), kind[0].host),
    )


def _failed(kind: Sequence[RunRecord], tails: Mapping[str, Tail]) -> Group:
    first = kind[0]
    reason = first.text if len(first.text) <= MAX_REASON else f"{first.text[: MAX_REASON - 1]}…"
    headline = f"{len(kind)} {first.state.value}" + (f": {reason}" if reason else "")
    tail = tails.get(first.host)
    text = without_last_line(tail.text, first.text) if tail else ""
    return _group(first.state, headline, kind, tail, text)


def _succeeded(runs: Sequence[RunRecord], tails: Mapping[str, Tail]) -> list[Group]:
    """Return the groups of those that succeeded: first those with the most frequent output."""
    if not runs:
        return []
    kinds: dict[str, list[RunRecord]] = {}
    for run in runs:
        tail = tails.get(run.host)
        kinds.setdefault(_alike(tail.text, run.host) if tail else "", []).append(run)
    most = max(kinds.values(), key=len)
    tail = tails.get(most[0].host)
    if len(most) == 1 < len(runs):
        headline = f"{len(runs)} succeeded, each with different output"
        return [_group(State.SUCCEEDED, headline, runs, tail, tail.text if tail else "")]
    headline = f"{len(most)} succeeded"
    if tail is None:
        headline += " without output"
    elif len(most) > 1:
        headline += f" with {_likeness(most, tails)}"
    found = [_group(State.SUCCEEDED, headline, most, tail, tail.text if tail else "")]
    chosen = {run.host for run in most}
    if others := [run for run in runs if run.host not in chosen]:
        headline = f"{len(others)} succeeded with different output"
        found.append(_group(State.SUCCEEDED, headline, others, None, ""))
    return found


def _group(
    state: State, headline: str, runs: Sequence[RunRecord], tail: Tail | None, text: str
) -> Group:
    servers = named(_hosts(runs), MAX_NAMED)
    if tail is None or not text:
        return Group(state, headline, servers)
    return Group(state, headline, servers, tail.host, text, tail.hidden)


def _likeness(runs: Sequence[RunRecord], tails: Mapping[str, Tail]) -> str:
    said = {(_nameless(tails[run.host].text, run.host), tails[run.host].hidden) for run in runs}
    if len(said) > 1:
        return "similar output"
    return "the same last lines" if next(iter(said))[1] else "the same output"


def without_last_line(text: str, last: str) -> str:
    """Return `text` without `last`, if that is its last line: it is shown as the headline."""
    if last and (text == last or text.endswith(f"\n{last}")):
        return text[: -len(last)].removesuffix("\n")
    return text


def _hosts(runs: Iterable[RunRecord]) -> list[str]:
    return sorted({run.host for run in runs})


def _servers(count: int) -> str:
    return "1 server" if count == 1 else f"{count} servers"


def _alike(text: str, host: str) -> str:
    """Return `text` without what differs from server to server by nature."""
    return _VARYING.sub("#", _nameless(text, host))


def _nameless(text: str, host: str) -> str:
    text = text.replace(host, "@")
    short = host.partition(".")[0]
    return re.sub(rf"(?<![\w-]){re.escape(short)}(?![\w-])", "@", text)
