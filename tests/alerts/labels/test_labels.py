"""Labels are the identity of an alert."""

from __future__ import annotations

import pytest

from alerts.labels import Labels
from tests.alerts.harness import thing


def test_identity_is_labels_and_nothing_else() -> None:
    """The same labels give the same fingerprint in any order; an empty value is a missing one; two
    different sets of labels never have the same."""
    assert thing().fingerprint == Labels.of(host="web-1", alertname="http", env="prod").fingerprint
    assert Labels.of(a="1", b="") == Labels.of(a="1")
    assert Labels.of(a="1b", c="2").fingerprint != Labels.of(a="1", bc="2").fingerprint
    assert len(thing().fingerprint) == 16
    assert str(thing()) == 'alertname="http" env="prod" host="web-1"'
    assert thing(app="shop", zone="b").title() == "http shop on web-1 zone=b in prod"


@pytest.mark.parametrize("labels", [{"bad-name": "x"}, {"": "x"}, {"a": "x" * 257}])
def test_labels_that_are_none(labels: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="labels"):
        Labels.of(labels)


def test_a_schedules_alert_is_titled_by_its_words() -> None:
    labels = Labels.of(alertname="schedule", env="prod", schedule="ping prod, every 10s")
    assert labels.title() == "schedule “ping prod, every 10s” in prod"
