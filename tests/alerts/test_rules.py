"""The rules one by one: each from its source."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.checks import flapping
from alerts.checks.checkins import due
from alerts.checks.heartbeats import Rhythm, deviations, phi
from alerts.checks.threshold import Thresholds, step
from alerts.clock import Steady
from alerts.cron import last_time, next_time
from alerts.episodes import Episode
from alerts.fields import checked_cron, checked_zone
from alerts.labels import Labels
from alerts.labels.matchers import Matchers
from alerts.mute.inhibition import Inhibitor, InhibitRule
from alerts.timers import Timers
from baton.errors import UsageError
from baton.text import durations
from tests.alerts.harness import thing


def test_the_worked_example_of_icinga() -> None:
    """Icinga 2, "Check Flapping": changes that weigh 0.84, 0.86, 0.88, 0.9, 0.98, 1.06, 1.12 and
    1.18 give 39.1 %, which flaps; seven more results without a change end it."""
    places = {2, 3, 4, 5, 9, 13, 16, 19}
    bits, changes = 0, _never()
    for place in range(flapping.RESULTS):
        bits, changes = flapping.record(bits, changes, place in places, float(place))
    assert flapping.value(bits) == 39.1
    assert flapping.judged(False, 39.1, high=30, low=25)
    for place in range(7):
        bits, changes = flapping.record(bits, changes, False, 20.0 + place)
    assert flapping.value(bits) < 25
    assert not flapping.judged(True, flapping.value(bits), high=30, low=25)


def _never() -> tuple[float, ...]:
    return ()


def test_between_the_thresholds_it_stays_as_it_was() -> None:
    assert flapping.judged(True, 27, 30, 25)
    assert not flapping.judged(False, 27, 30, 25)
    assert not flapping.judged(False, 30, 30, 25)
    assert not flapping.judged(True, 25, 30, 25)


@given(st.lists(st.booleans(), max_size=60), st.floats(1, 100))
def test_the_history_of_changes_is_the_last_twenty(story: list[bool], window: float) -> None:
    """Bits and times agree with a plain list of the last 20 results, and old ones go."""
    bits, changes = 0, _never()
    for at, changed in enumerate(story):
        bits, changes = flapping.record(bits, changes, changed, float(at))
        bits, changes = flapping.aged(bits, changes, float(at), window)
    now = len(story) - 1
    last = list(enumerate(story))[-20:]
    kept = [at for at, changed in last if changed and at > now - window]
    assert list(changes) == [float(at) for at in reversed(kept)]
    weights = [0.8 + 0.02 * (19 - (now - at)) for at in kept]
    assert flapping.value(bits) == pytest.approx(100 * sum(weights) / 20)


def test_phi_is_what_the_paper_says() -> None:
    """phi = -log10(1 - F(t)): at the mean one half is left; at 8, one of 10^8; it never falls,
    even where the normal distribution has underflowed."""
    assert phi(10, 10, 2) == pytest.approx(-math.log10(0.5))
    assert phi(10 + 2 * deviations(8), 10, 2) == pytest.approx(8)
    values = [phi(t, 10, 2) for t in range(400)]
    assert values == sorted(values)
    assert phi(10 + 2 * 37.5, 10, 2) == pytest.approx(phi(10 + 2 * 37.6, 10, 2), rel=0.01)


def test_a_rhythm_is_learned() -> None:
    """With few intervals three missed heartbeats decide; then mean, deviation and pause do."""
    rhythm = Rhythm(15)
    assert rhythm.allowance(8, 0.1, 1) == 45
    for count in range(250):
        rhythm.learn(14 if count % 2 else 16)
    assert len(rhythm.gaps) == 100
    assert rhythm.normal(0.01, 0) == pytest.approx((15, 1))
    assert rhythm.allowance(8, 0.1, 1) == pytest.approx(15 + 15 + 5.612 * 1.5, rel=1e-4)
    rhythm.learn(2)  # it was asked to speak
    assert rhythm.normal(0.01, 0) == pytest.approx((15, 1))
    assert Rhythm(15, rhythm.gaps).normal(0.01, 0) == pytest.approx((15, 1))


@given(st.lists(st.floats(8, 60, width=32), min_size=1, max_size=300))
def test_running_sums_equal_the_window(gaps: list[float]) -> None:
    rhythm = Rhythm(15)
    for gap in gaps:
        rhythm.learn(gap)
    window = gaps[-100:]
    assert list(rhythm.gaps) == window
    if len(window) >= 10:
        mean, deviation = rhythm.normal(1e-9, 0) or (0, 0)
        true = sum(window) / len(window)
        assert mean == pytest.approx(true)
        spread = math.sqrt(sum((gap - true) ** 2 for gap in window) / len(window))
        assert deviation == pytest.approx(spread, abs=1e-3)


def test_hard_states() -> None:
    """Down after N bad results in a row, up after M good ones; others in between start anew."""
    limits = Thresholds(3, 2)
    down, run, seen = False, 0, []
    for bad in (True, True, False, True, True, True, False, True, False, False):
        down, run = step(down, run, bad, limits)
        seen.append(down)
    assert seen == [False] * 5 + [True] * 4 + [False]


def test_cron_over_the_change_of_clocks() -> None:
    """A daily check-in is expected once on the day when an hour is missing."""
    saturday = 1_774_652_400.0  # 2026-03-28 00:00 in Berlin
    first = next_time("30 2 * * *", saturday, "Europe/Berlin")
    second = next_time("30 2 * * *", first, "Europe/Berlin")
    third = next_time("30 2 * * *", second, "Europe/Berlin")
    assert [second - first, third - second] == [86400 - 3600 + 1800, 86400 - 1800]
    assert last_time("30 2 * * *", second, "Europe/Berlin") == second
    assert due(0.0, 60.0, every=3600.0) == 3660.0
    assert due(10.0, 60.0, cron="0 * * * *") == 3660.0


@pytest.mark.parametrize("cron", ["", "* * * *", "61 * * * *", "0 0 31 2 *", "0 0 * * * *"])
def test_a_cron_that_names_no_time(cron: str) -> None:
    with pytest.raises(ValueError, match="five fields"):
        checked_cron(cron)


def test_a_zone_that_is_none() -> None:
    assert checked_zone("Europe/Berlin") == "Europe/Berlin"
    for zone in ("Europe/Nowhere", "../etc/passwd", ""):
        with pytest.raises(ValueError, match="a time zone such as"):
            checked_zone(zone)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("1h30m", 5400),
        ("2d", 172800),
        ("1.5 h", 5400),
        ("0s", 0),
        ("2 hours", 7200),
        ("90 minutes", 5400),
        ("1 day", 86400),
        ("an hour", 3600),
        ("1 hour and 30 minutes", 5400),
        ("1 h, 5 min", 3900),
        ("500ms", 0.5),
        ("1y", 365 * 86400),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert durations.parse(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "m", "-5m", "5 parsecs", "99999w", "1h-2m", "²m", "1h30", "2 months", "5m x"]
)
def test_durations_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="a length of time"):
        durations.parse(text)


def test_identity_is_labels_and_nothing_else() -> None:
    """The same labels give the same fingerprint in any order; an empty value is a missing one; no
    two different sets of labels run together."""
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


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("host=web-1", True),
        ("host=web", False),
        ('host=~"web-.*" env="prod"', True),
        ('host=~"web"', False),  # anchored
        ('host!~"web.*"', False),
        ("app=", True),  # a missing label has the empty value
        ("app!=shop", True),
        ('app=~".+"', False),
        ('{alertname="http", severity=critical}', True),
        ("severity=warning", False),
        ("", True),
    ],
)
def test_matchers(text: str, matches: bool) -> None:
    """Matchers mean what they mean in Alertmanager."""
    assert Matchers.parse(text).matches(thing(), "critical") is matches


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("env>prod", "env>prod"),
        ("env=prod host", "host"),
        ('host=~"("', "host=~("),
        ('host="web', 'host="web'),
        (r'host=~"(a)\\1"', "invalid escape sequence"),
        ('host=~"(?=a)"', "invalid perl operator"),
        ('host=~"(.{100}){100}"', "repetition size"),
        ('host=~"(.{1,100}){1,10}"', "too large"),
        (f'host=~"{"a" * 4097}"', "longer than 4096 bytes"),
        (f'host="{"a" * 9000}"', "8192 characters at most"),
        ("a==b", "a==b"),
        ("a=b,c", "“c” is no matcher"),
        ("1a=b", "“1a” is not the name of a label"),
    ],
)
def test_matchers_that_are_none(text: str, part: str) -> None:
    """An error names the part that is wrong; what could take for ever is refused."""
    with pytest.raises(UsageError) as caught:
        Matchers.parse(text)
    assert part in str(caught.value)


@given(st.dictionaries(st.sampled_from("abc"), st.text(max_size=20), min_size=1))
def test_matchers_are_read_back_as_written(values: dict[str, str]) -> None:
    text = " ".join(
        '{}="{}"'.format(name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
        for name, value in values.items()
    )
    matchers = Matchers.parse(text)
    assert matchers.matches(Labels.of(values))
    assert Matchers.parse(str(matchers)) == matchers


def test_what_matches_everything() -> None:
    for text in ("", 'a=~".*"', "a!=x", "a="):
        assert Matchers.parse(text).boundless
    assert not Matchers.parse("a!=x b=y").boundless


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
    assert inhibitor.inhibitor(target.fingerprint) == (source.fingerprint, rule)
    assert inhibitor.inhibitor(elsewhere.fingerprint) is None
    assert inhibitor.inhibitor(source.fingerprint) is None
    assert inhibitor.closed(source.fingerprint) == {target.fingerprint, other.fingerprint}
    assert inhibitor.inhibitor(target.fingerprint) == (other.fingerprint, rule)
    inhibitor.closed(other.fingerprint)
    assert inhibitor.inhibitor(target.fingerprint) is None


def test_timers_keep_the_earliest() -> None:
    timers = Timers()
    timers.set("a", 5)
    timers.set("a", 9)
    timers.set("b", 7)
    timers.set("b", 3)
    timers.set("c", 1)
    timers.drop("c")
    assert timers.next() == 3
    assert list(timers.due(6)) == ["b", "a"]
    assert timers.next() == math.inf


def test_the_steady_clock_does_not_jump() -> None:
    wall, monotonic = [1000.0], [50.0]
    steady = Steady(lambda: wall[0], lambda: monotonic[0])
    assert steady.now() == 1000
    wall[0] += 3600
    monotonic[0] += 10
    assert steady.now() == 1010
    assert steady.skew() == 3590
