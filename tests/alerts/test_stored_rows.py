"""Rows and recordings of older versions: names of fields in Python may change, stored ones do not.

Two bots of two versions use one database, one after the other and back: what the newer one writes
must be readable for the older one too.
"""

from __future__ import annotations

from typing import Any

import pytest

from alerts.changes import dump, load
from alerts.checks.check_state import CheckRow
from alerts.checks.visibility import VisibilityRow
from alerts.episodes import Episode
from alerts.mute.silences import Silence
from alerts.notify.groups import GroupRow
from alerts.notify.notification import Notification
from alerts.notify.rate_limit import ChannelRow
from alerts.observation import CheckIn, HeartbeatSeen, LivenessSeen, Sample
from alerts.replay import Gap, LinkChange, dump_lines, salvage_lines

EPISODE: dict[str, Any] = {
    "labels": [["alertname", "http"], ["env", "prod"], ["host", "web-1"]],
    "number": 2,
    "started": 1764187200.0,
    "severity": "critical",
    "text": "status 502",
    "flapping": True,
    "ended": 1764187260.0,
    "note": "it was not told again",
    "acknowledged_by": "U_ANN",
    "acknowledged_at": 1764187205.0,
    "mentioned": ["@oncall"],
    "changed": 1764187203.0,
    "expired": True,
    "called": "failed",
    "links": [["Runbook", "https://wiki/x"]],
    "opened": 1764187201.0,
}
ROWS: list[tuple[type[Any], dict[str, Any]]] = [
    (Episode, EPISODE),
    (
        CheckRow,
        {
            "fingerprint": "d380a16bcd7e7fb6",
            "labels": [["alertname", "http"], ["env", "prod"], ["host", "web-1"]],
            "source": "probe/shop",
            "bad": True,
            "down": True,
            "run": 1,
            "bits": 3,
            "changes": [1764187200.0],
            "flapping": True,
            "number": 2,
            "heard": 1764187200.0,
            "due": 1764187245.0,
            "interval": 15.0,
            "gaps": [15.0],
            "leaving": True,
            "forgotten": False,
            "awaited": True,
            "recent": [[1764187200.0, True, "status 502"]],
            "began": 1764187191.0,
            "over": 1764187195.0,
            "repeat": 60.0,
            "known": ["id"],
        },
    ),
    (
        GroupRow,
        {
            "key": "k",
            "number": 3,
            "channel": "C1",
            "labels": [["alertname", "http"], ["env", "prod"], ["host", "web-1"]],
            "wait": 30.0,
            "interval": 300.0,
            "repeat": 14400.0,
            "storm": True,
            "opened": 1764187200.0,
            "flush_at": 1764187230.0,
            "flushed": 1764187200.0,
            "last_message": 1764187200.0,
            "messages": 2,
            "posted": True,
            "mention": "@oncall",
            "members": [
                {
                    "fingerprint": "d380a16bcd7e7fb6",
                    "home": "k",
                    "mention": "@oncall",
                    "said": "firing",
                    "rank": 3,
                    "shown": True,
                }
            ],
            "ended": [EPISODE],
            "ended_more": 1,
            "history": [[1764187200.0, "began"]],
            "history_more": 2,
            "closed": False,
        },
    ),
    (
        Silence,
        {
            "id": "51",
            "matchers": "env=prod",
            "starts": 1764187200.0,
            "until": 1764187260.0,
            "by": "U_ANN",
            "reason": "disk",
        },
    ),
    (ChannelRow, {"channel": "C1", "sent": [1764187200.0]}),
    (
        VisibilityRow,
        {
            "number": 4,
            "gone": ["the bus"],
            "since": 1764187200.0,
            "until": 1764187209.0,
            "told": ["C1"],
            "lost": ["the bus", "Slack"],
        },
    ),
    (
        Notification,
        {
            "key": "alert/k/3/1",
            "channel": "C1",
            "content": {
                "title": "t",
                "state": "firing",
                "severity": "warning",
                "rows": [["a", "b", "c"]],
                "lines": ["l"],
                "buttons": [["why", "Why", "k/3"]],
                "mention": "@oncall",
                "footer": "f",
                "links": [[["Runbook", "https://wiki/x"]]],
            },
            "parent": "alert/k/3",
            "broadcast": True,
            "closing": True,
        },
    ),
]
"""A row of each kind as version 2.0.0 wrote it, with no field at its default."""
RECORDING = """\
{"kind":"sample","labels":[["alertname","http"],["env","prod"],["host","web-1"]],"bad":true,"at":1764187200.0,"text":"status 502","severity":"critical","source":"push/am","told":true,"ends":1764187260.0,"dated":true,"began":1764187195.0,"over":1764187199.0,"id":"id","links":[["Runbook","https://wiki/x"]]}
{"kind":"beat","host":"web-1","env":"prod","interval":15.0,"at":1764187200.0,"leaving":true}
{"kind":"sign","host":"web-1","env":"prod","at":1764187200.0}
{"kind":"checkin","name":"backup","at":1764187200.0,"failed":true,"text":"disk full"}
{"kind":"sight","what":"Slack","sees":false,"at":1764187200.0}
{"kind":"gap","at":1764187200.0}
"""  # noqa: E501
"""A recording of that version: a line of each kind."""


@pytest.mark.parametrize(("kind", "row"), ROWS, ids=[kind.__name__ for kind, _ in ROWS])
def test_a_row_is_read_and_written_as_it_was(kind: type[Any], row: dict[str, Any]) -> None:
    assert dump(load(kind, row)) == row


def test_fields_that_are_called_otherwise_hold_what_was_stored() -> None:
    rows = {kind: load(kind, row) for kind, row in ROWS}
    assert rows[CheckRow].received == 1764187200.0
    assert rows[VisibilityRow].notified == ("C1",)
    assert rows[GroupRow].members[0].notified == "firing"


def test_a_recording_is_read_and_written_as_it_was() -> None:
    recorded, torn = salvage_lines(RECORDING.splitlines())
    assert torn == 0
    assert {type(one) for one in recorded} == {
        Sample,
        HeartbeatSeen,
        LivenessSeen,
        CheckIn,
        LinkChange,
        Gap,
    }
    assert [one.decided for one in recorded if isinstance(one, Sample)] == [True]
    assert list(dump_lines(recorded)) == RECORDING.splitlines()
