"""Recordings: what a bot observed, its links, and the times when no bot was watching, decided
again."""

from __future__ import annotations

import pytest

from alerts.observation import CheckIn, HeartbeatSeen, Observation, Sample, Severity
from alerts.replay import (
    Gap,
    LinkChange,
    Recorded,
    compare,
    dump_lines,
    load_lines,
    replay,
    salvage_lines,
)
from baton.errors import UsageError
from tests.alerts.harness import (
    START,
    config,
    thing,
)

WEB_1 = thing("web-1")


def beats(first: int, last: int) -> list[Recorded]:
    return [HeartbeatSeen("web-1", "prod", 15.0, START + at) for at in range(first, last, 15)]


def titles(recorded: list[Recorded]) -> list[tuple[float, str]]:
    return [(said.at - START, said.line) for said in replay(config(), recorded, after=0)]


def test_nobody_is_called_silent_for_a_gap() -> None:
    """No bot was watching for an hour: missing heartbeats count from its end."""
    recorded = [*beats(0, 60), Gap(START + 3600), Sample(WEB_1, False, START + 3660)]
    assert titles(recorded) == []
    recorded.append(Sample(WEB_1, False, START + 3700))
    assert titles(recorded) == [(3675.0, "ops: firing: silent web-1 in prod")]


def test_nobody_is_called_silent_while_we_were_blind() -> None:
    """Changes of our own links are in a recording, and have the same effect."""
    seen: list[Recorded] = [
        *beats(0, 60),
        LinkChange("the message bus", False, START + 60),
        LinkChange("the message bus", True, START + 3600),
        *beats(3600, 3660),
    ]
    ((_, said),) = titles(seen)
    assert said.startswith("ops: blind: Monitoring has been blind since ")
    without: list[Recorded] = [one for one in seen if not isinstance(one, LinkChange)]
    assert "silent web-1" in titles(without)[0][1]


def test_a_recording_is_read_back() -> None:
    """All kinds, in the order of time; a line that a killed writer left unfinished is counted, not
    read."""
    kept: list[Recorded] = [
        Gap(START),
        LinkChange("Slack", False, START + 1),
        Sample(WEB_1, True, START + 2, "status 502"),
        *beats(3, 33),
    ]
    lines = list(dump_lines(reversed(kept)))
    assert salvage_lines(lines) == (kept, 0)
    assert salvage_lines([lines[0][:20], *lines, "", '{"kind": "new", "at": 1}']) == (kept, 2)


def test_what_others_tell_is_never_a_sighting() -> None:
    """Observations that wait in the database cannot change our links: nobody can make us blind with
    one."""

    with pytest.raises(UsageError, match="Line 1"):
        load_lines(dump_lines([LinkChange("the message bus", False, START)]))


def test_the_same_settings_make_no_difference() -> None:
    recorded = [*beats(0, 60), Gap(START + 3600), Sample(WEB_1, True, START + 3660)]
    found = compare(config(), config(), recorded)
    assert (found.gone, found.new) == ((), ())
    assert found.same == 2


RECORDED: list[Observation] = [
    Sample(WEB_1, True, START, "status 502"),
    Sample(thing("web-2"), True, START + 1, severity=Severity.CRITICAL),
    HeartbeatSeen("web-3", "prod", 15.0, START + 2),
    CheckIn("backup", START + 3),
    Sample(WEB_1, False, START + 20),
    Sample(WEB_1, True, START + 60),
]


def test_replay_says_which_messages_would_differ() -> None:
    """The same observations with other settings: which messages would be new, gone, and the
    same."""
    old = config()
    new = config(
        '[[route]]\nmatch = "alertname=http severity=critical"\nchannel = "pager"\n',
        group_wait="10s",
    )
    before = [(said.at - START, said.notification.content.title) for said in replay(old, RECORDED)]
    assert before == [
        (31, "http web-2 in prod"),
        (2 + 45 + 30, "silent web-3 in prod"),
        (90, "http web-1 in prod"),
    ]
    found = compare(old, new, RECORDED)
    assert [said.line for said in found.gone] == [
        "ops: firing: http web-2 in prod",
        "ops: firing: http web-1 in prod",
    ]
    assert [said.line for said in found.new] == [
        "ops: firing: http web-1 in prod",
        "pager: firing: http web-2 in prod",
        "ops: firing: Also firing: http web-1 in prod",
    ]
    assert found.same == 1
    assert compare(old, old, RECORDED).same == 3
    assert replay(old, []) == []


def test_what_is_recorded_is_read_back() -> None:
    assert load_lines([*dump_lines(reversed(RECORDED)), ""]) == RECORDED
    for line in ('{"kind": "sample"}', "[]", "nonsense", '{"kind": "x"}'):
        with pytest.raises(UsageError, match="Line 2 is not a recorded observation"):
            load_lines(["", line])
