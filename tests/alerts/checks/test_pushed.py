"""Pushed alerts: when they started and ended according to the sender, what is old news, and what
expires because it is not repeated."""

from __future__ import annotations

from typing import Any

import pytest

from alerts import CheckIn, Engine, Labels, Sample, Severity
from alerts.changes import dump, load
from alerts.notify.notification import AlertContent, Notification
from alerts.settings import parse_alerts

T = 1_800_000_000.0
DISK = Labels.of(alertname="DiskFull", host="db-1")
DAY = 86400.0


class Story:
    """An engine that takes what an Alertmanager pushes, and restarts after each sample."""

    def __init__(self, more: str = "", skew: float = 0.0) -> None:
        self.settings = parse_alerts(f'channel = "C1"\ngroup_wait = "0s"\n{more}')
        self.engine = Engine(self.settings)
        self.skew = skew
        self.posts: dict[str, Notification] = {}

    def push(self, at: float, firing: bool, **more: Any) -> None:
        """Push at `at` (steady seconds after T); times in `more` are seconds after T."""
        for name in ("began", "over", "ends"):
            if name in more:
                more[name] += T
        sample = Sample(DISK, firing, T + at, source="push/am", decided=True, **more)
        sample = load(Sample, dump(sample))
        self.engine.observe(sample)
        self.passes(at)

    def passes(self, at: float) -> None:
        while self.engine.wake_at() <= T + at:
            changes = self.engine.tick(max(self.engine.wake_at(), T), self.skew)
            self.posts |= changes.notifications
        self.posts |= self.engine.tick(T + at, self.skew).notifications
        self.engine = Engine.restore(self.settings, self.engine.rows(), T + at, self.skew)
        self.posts |= self.engine.tick(T + at, self.skew).notifications

    def fires(self) -> bool:
        return bool(self.engine.firing())

    @property
    def post(self) -> AlertContent:
        """The last post in the channel itself."""
        return [one.content for one in self.posts.values() if not one.parent][-1]


def test_since_and_after_are_as_the_source_says() -> None:
    """After an outage of ours: it started three days ago, and took 47 s to end."""
    story = Story()
    story.push(0, True, began=-3 * DAY)
    (episode,) = story.engine.firing()
    assert episode.started == T - 3 * DAY
    assert "since 2027-01-12" in story.post.rows[0][2]
    story = Story()
    story.push(100, True, began=0)
    story.push(400, False, began=0, over=47)
    assert story.post.state == "resolved"
    assert story.post.rows[0][1] == "resolved after 47 s"


@pytest.mark.parametrize("began", [3600.0, 1e12 - T, -T])
def test_no_alert_begins_in_the_future_or_ages_ago(began: float) -> None:
    story = Story()
    story.push(10, True, began=began)
    assert story.engine.firing()[0].started == T + 10


def test_the_clock_of_the_source_is_the_one_on_the_wall() -> None:
    """Our clock was set by an hour since the start: times of senders are shown as they are."""
    story = Story(skew=3600.0)
    story.passes(0)
    story.push(10, True, began=3600.0)
    assert story.engine.firing()[0].started == T


def test_a_stale_word_of_a_twin_is_old_news() -> None:
    """One of two Alertmanagers is late: its “resolved” of the episode before does not end the new
    one, and its “firing” does not start one that is over."""
    story = Story()
    story.push(0, True, began=-5)
    story.push(60, False, began=-5, over=50)
    story.push(65, True, began=-5)
    assert not story.fires()
    story.push(100, True, began=90)
    assert story.fires()
    story.push(105, False, began=-5, over=50)
    assert story.fires()
    story.push(160, False, began=90, over=150)
    assert not story.fires()
    story.push(170, True, began=140)
    assert not story.fires()
    story.push(300, True, began=290)
    assert story.fires()
    assert story.engine.firing()[0].number == 3


def test_twins_that_began_at_different_moments_end_together() -> None:
    story = Story()
    story.push(0, True, began=-5)
    story.push(1, True, began=5)
    story.push(60, False, began=-5, over=50)
    assert not story.fires()


def test_what_is_not_repeated_expires() -> None:
    """An alert without an end, which its Alertmanager no longer repeats, expires after a day, and
    its post says so."""
    story = Story()
    story.push(0, True, began=-5)
    story.passes(DAY - 1)
    assert story.fires()
    story.passes(DAY + 1)
    assert not story.fires()
    assert story.post.state == "expired"
    assert "not reported since 2027-01-15 08:00 UTC" in story.post.rows[0][2]
    story.push(2 * DAY, True, began=-5)
    assert story.fires()  # it went on all the while


def test_those_who_speak_seldom_are_given_time() -> None:
    """It expires after three times the usual pause, if that is longer."""
    story = Story('[pushed]\nexpires = "1h"\n')
    for at in (0.0, 3000.0, 3000.0 + 1800.0):
        story.push(at, True)
    story.passes(4800 + 3 * 3000 - 1)
    assert story.fires()
    story.passes(4800 + 3 * 3000 + 1)
    assert not story.fires()


def test_an_alert_of_before_the_rule_expires_too() -> None:
    story = Story()
    story.push(0, True)
    for watch in story.engine.checks.states.values():
        watch.due = float("inf")
    story.passes(10)
    story.passes(DAY + 11)
    assert not story.fires()


def test_what_is_delivered_again_says_nothing() -> None:
    """A CloudEvent that is delivered again after its end changes nothing."""
    story = Story()
    story.push(0, True, id="a")
    story.push(10, False, id="b")
    story.push(20, True, id="a")
    assert not story.fires()
    story.push(30, True, id="c")
    assert story.fires()
    for number in range(100):
        story.push(31 + number, True, id=f"more {number}")
    (row,) = story.engine.rows().checks
    assert len(row.known) == 32


def test_links_are_kept_and_shown() -> None:
    story = Story()
    story.push(0, True, links=(("Runbook", "https://wiki/x"),))
    assert story.post.links == ((("Runbook", "https://wiki/x"),),)
    story.push(10, True, links=(("Runbook", "https://wiki/y"),))
    assert story.post.links == ((("Runbook", "https://wiki/y"),),)


def test_a_check_in_that_failed_is_not_called_late() -> None:
    """It is called failed; if no more come after that, it is late."""
    story = Story('[[checkin]]\nname = "backup"\nevery = "1h"\n')
    story.engine.observe(CheckIn("backup", T, failed=True, text="disk full"))
    story.passes(1)
    assert story.post.title == "failed checkin=backup"
    story.passes(2 * 3600)
    assert story.post.title == "late checkin=backup"
    story.engine.observe(CheckIn("backup", T + 7300, failed=True))
    story.passes(7301)
    assert story.post.title == "failed checkin=backup"


def test_no_severity_is_a_warning_and_its_end_changes_nothing() -> None:
    story = Story()
    story.push(0, True, severity=Severity.CRITICAL)
    story.push(10, False)
    assert story.post.severity is Severity.CRITICAL
