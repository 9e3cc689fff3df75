"""An error in one row, one rule or one check does not affect the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts import Engine, Labels, Rows, Sample
from alerts.checks.check_state import CheckState
from alerts.notify.groups import AlertGroup
from alerts.notify.notification import NotificationRenderer
from alerts.settings import AlertSettings, parse_alerts

T = 1_800_000_000.0


def settings(more: str = "") -> AlertSettings:
    return parse_alerts(f'channel = "C1"\ngroup_wait = "0s"\ngroup_by = ["host"]\n{more}')


def thing(host: str) -> Labels:
    return Labels.of(alertname="x", host=host)


def push(engine: Engine, *hosts: str, ends: float | None = None) -> None:
    for host in hosts:
        engine.observe(Sample(thing(host), True, T, decided=True, source="push/am", ends=ends))


def titles(engine: Engine, at: float = T) -> list[str]:
    posts = engine.tick(at).notifications.values()
    return sorted({one.content.title for one in posts if not one.parent})


def test_a_post_that_cannot_be_drawn_keeps_back_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(settings())
    push(engine, "a", "b", "c")
    drawn = NotificationRenderer.group_posts

    def draw(teller: NotificationRenderer, group: AlertGroup) -> object:
        if group.labels.get("host") == "b":
            raise OverflowError("no such time")
        return drawn(teller, group)

    monkeypatch.setattr(NotificationRenderer, "group_posts", draw)
    assert titles(engine) == ["x a", "x c"]
    (fault,) = engine.faults.take()
    assert isinstance(fault.error, OverflowError)
    assert engine.wake_at() > T  # it is not tried again for ever


def test_a_thing_whose_time_has_come_and_fails_holds_up_no_other() -> None:
    engine = Engine(settings())
    push(engine, "a", "b", "c", ends=T + 60)
    engine.tick(T)
    broken = engine.checks.states[thing("b").fingerprint]
    broken.changes = None  # type: ignore[assignment]
    engine.tick(T + 61)
    assert [one.labels.get("host") for one in engine.firing()] == ["b"]
    assert engine.faults.count == 1


def test_a_row_that_cannot_be_restored_is_set_aside() -> None:
    engine = Engine(settings())
    push(engine, "a", "b")
    engine.tick(T)
    rows = engine.rows()
    odd = replace(rows.checks[0], labels=(("not a name", "x"),))
    group = replace(rows.groups[0], members=None)  # type: ignore[arg-type]
    rows = Rows((odd, *rows.checks[1:]), rows.episodes, (group, *rows.groups[1:]))
    again = Engine.restore(settings(), rows, T + 1)
    assert len(again.checks.states) == 1
    assert len(again.dispatcher.groups) >= 1
    assert again.faults.count == 2
    push(again, "c")
    assert "x c" in titles(again, T + 1)


def test_a_check_in_whose_zone_is_gone_leaves_the_others() -> None:
    """The others go on at the start, at a reload, and when the clock is set."""
    both = settings(
        '[[checkin]]\nname = "odd"\ncron = "0 3 * * *"\n[[checkin]]\nname = "fine"\nevery = "1h"\n'
    )
    odd = both.checkin[0].model_copy(update={"zone": "Mars/Base"})
    both = both.model_copy(update={"checkin": (odd, both.checkin[1])})
    engine = Engine.restore(both, Rows(), T)
    engine.tick(T, 3600.0)
    engine.tick(T + 2 * 3600, 3600.0)
    assert [one.labels.get("checkin") for one in engine.firing()] == ["fine"]
    assert "odd" in engine.faults.take()[0].what


def test_a_watch_that_is_restored_is_as_it_was() -> None:
    watch = CheckState(thing("a"), "push/am")
    watch.began, watch.over, watch.repeat, watch.known = 1.0, 2.0, 3.0, ("a",)
    again = CheckState.of(watch.row())
    assert again.row() == watch.row()


def test_a_reminder_follows_the_end_of_a_silence() -> None:
    """A channel that was notified before the silence is reminded after group_wait, not after hours;
    the history under the post says that it was silenced."""
    from alerts import Matchers

    engine = Engine(parse_alerts('channel = "C1"\ngroup_wait = "30s"\nrepeat_interval = "4h"\n'))
    engine.observe(Sample(thing("a"), True, T, decided=True, source="push/am"))
    engine.tick(T)
    engine.tick(T + 30)
    engine.silence(Matchers.parse("host=a"), 600.0, "ann", "disk", T + 60)
    engine.tick(T + 60)
    engine.tick(T + 660)
    assert not [one for one in engine.tick(T + 680).notifications.values() if one.broadcast]
    posts = engine.tick(T + 690).notifications
    (said,) = [one for one in posts.values() if one.broadcast]
    assert said.content.title == "Still firing: 1"
    (history,) = [one for key, one in posts.items() if key.endswith("/history")]
    lines = "\n".join(history.content.lines)
    assert "x a: silenced by ann: disk" in lines
    assert "x a is no longer muted" in lines
