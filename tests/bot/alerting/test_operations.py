"""Operations on alerts lie in the database between two versions of a bot: what one has stored the
other applies."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from alerts import HeartbeatSeen
from bot.alerting.operations import (
    Acknowledge,
    CreateSilence,
    ExpireSilence,
    ForgetAlert,
    RecordObservations,
    SendTestNotification,
    StoredOperation,
    parse_operation,
    record_observations,
)

BY: dict[str, Any] = {"by": "ann", "at": 1_800_000_000.0}
STORED: list[tuple[dict[str, Any], StoredOperation]] = [
    ({"kind": "acknowledge", "what": "k/1", **BY}, Acknowledge(what="k/1", **BY)),
    (
        {"kind": "silence", "matchers": "a=b", "seconds": 60.0, "reason": "r", "key": "x", **BY},
        CreateSilence(matchers="a=b", seconds=60.0, reason="r", key="x", **BY),
    ),
    ({"kind": "unsilence", "id": "s1", **BY}, ExpireSilence(id="s1", **BY)),
    ({"kind": "forget", "fingerprint": "f1", **BY}, ForgetAlert(fingerprint="f1", **BY)),
    (
        {"kind": "test", "channel": "C1", "key": "x", **BY},
        SendTestNotification(channel="C1", key="x", **BY),
    ),
    ({"kind": "seen", "lines": ("{}",), **BY}, RecordObservations(lines=("{}",), **BY)),
]


@pytest.mark.parametrize(("row", "operation"), STORED)
def test_rows_mean_what_they_meant(row: dict[str, Any], operation: StoredOperation) -> None:
    """The kinds and the fields of rows are a promise: two versions share a database."""
    assert parse_operation(row) == operation
    assert operation.model_dump() == row


def test_another_kind_is_refused() -> None:
    """What a newer version has stored is an error of that row."""
    with pytest.raises(ValidationError, match="kind"):
        parse_operation({"kind": "snooze", **BY})


def test_an_unreadable_line_costs_the_others_nothing() -> None:
    """What is wrong with it is returned beside the observations of the others."""
    seen = HeartbeatSeen("web-1", "prod", 15.0, 1_800_000_000.0)
    stored = record_observations([seen], 1_800_000_000.0)
    torn = RecordObservations(by="", at=stored.at, lines=("{", *stored.lines))
    observations, problems = torn.readable()
    assert observations == [seen]
    assert len(problems) == 1
