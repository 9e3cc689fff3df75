"""Which alerts mute which."""

from __future__ import annotations

from alerts.episodes import Episode
from alerts.labels.matchers import Matchers
from alerts.mute.inhibition import Inhibitor, InhibitRule
from tests.alerts.harness import (
    Message,
    World,
    bad,
    beat,
    config,
    thing,
)


def test_inhibition() -> None:
    """A source mutes targets with equal labels, a missing label being the empty value; an alert
    that matches both sides is not muted by another one that does."""
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


def test_a_dead_server_mutes_its_apps() -> None:
    """While a server is down, its apps are not notified; once it is back, they are."""
    world = World()
    shop = thing("web-1", app="shop")
    world.every(15, beat("web-1"), first=0, last=300)
    world.at(345, bad(shop))
    world.want(Message("ops", "silent web-1 in prod", "firing"), between=(338 + 30, 345 + 30))
    world.at(1000, beat("web-1"))
    world.every(15, beat("web-1"), first=1015, last=2000)
    world.want(Message("ops", "http shop on web-1"), between=(1030, 1030))
    world.run(until=2000)
    assert world.post("silent").state == "resolved"


def test_a_dead_gateway_mutes_its_servers() -> None:
    """Of an environment whose gateway is down only the gateway is notified."""
    world = World(config('[gateways]\nprod = "gw-1"'))
    for host in ("web-1", "web-2", "gw-1"):
        world.every(15, beat(host), first=0, last=300)
    world.want(Message("ops", "silent gw-1 in prod"), between=(300, 390))
    world.run(until=3000)
