"""Which alerts mute which."""

from __future__ import annotations

from alerts.episodes import Episode
from alerts.labels.matchers import Matchers
from alerts.mute.inhibition import Inhibitor, InhibitRule
from tests.alerts.harness import thing


def test_inhibition() -> None:
    """A source mutes targets with equal labels, a missing label being the empty value; one that
    both sides mean is not muted by another such one."""
    rule = InhibitRule(
        Matchers.parse("alertname=silent"), Matchers.parse('alertname=~"http|silent"'), ("env", "x")
    )
    inhibitor = Inhibitor([rule])
    source, other = thing(name="silent"), thing("web-2", name="silent")
    target, elsewhere = thing("web-3"), thing("web-3", env="test")
    for labels in (target, elsewhere):
        assert inhibitor.opened(Episode(labels, 1, 0.0)) == set()
    assert inhibitor.opened(Episode(source, 1, 0.0)) == {target.fingerprint}
    inhibitor.opened(Episode(other, 1, 0.0))
    assert inhibitor.inhibited_by(target.fingerprint) == (source.fingerprint, rule)
    assert inhibitor.inhibited_by(elsewhere.fingerprint) is None
    assert inhibitor.inhibited_by(source.fingerprint) is None
    assert inhibitor.closed(source.fingerprint) == {target.fingerprint, other.fingerprint}
    assert inhibitor.inhibited_by(target.fingerprint) == (other.fingerprint, rule)
    inhibitor.closed(other.fingerprint)
    assert inhibitor.inhibited_by(target.fingerprint) is None
