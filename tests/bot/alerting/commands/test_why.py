"""`/alerts why`: samples, rules, silences, and why nothing was said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.fronts.terminal.lines import answer_lines, text_of
from tests.bot.alerting.commands.chat import firing, pressed
from tests.bot.alerting.world import (
    CHANNEL,
    SILENT,
    WAIT,
    Watchers,
    quick,
    says,
)
from tests.bot.world import Stage
from tests.support.wait import until


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with quick(monkeypatch):
        yield


async def test_why(stage: Stage) -> None:
    """What is known of it: the rule, its silence, where it is told; also when nothing fires."""
    world = Watchers(stage)
    made = await firing(world)
    text = (await pressed(world, made, "Why")).text
    assert "episode 1: firing, critical" in text
    assert f"sends it to {CHANNEL}" in text
    await world.agent(made, "web-1")
    await until(says(stage.front, "resolved"))
    (watch,) = (await stage.store.alerts.load()).checks
    text = (await stage.ask(made, f"/alerts why {watch.fingerprint[:8]}")).text
    assert "it is not firing, so nobody is notified" in text


async def test_why_something_never_fired(stage: Stage) -> None:
    """Whoever wonders why nothing was said knows no id: a name will do, or matchers."""
    world = Watchers(stage)
    made = await world.bot()
    for number in range(1, 6):
        await world.agent(made, f"web-{number}")
    for words in ("web-2", "silent web-2 in prod", "host=web-2", 'host=~"web-(2|9)" env=prod'):
        text = (await stage.ask(made, f"/alerts why {words}")).text
        assert text.startswith("silent web-2 in prod ("), words
        assert "it is not firing, so nobody is notified" in text
    text = (await stage.ask(made, "/alerts why env=prod")).text
    assert text.count("last heartbeat") == 3
    assert "and silent web-4 in prod (" in text
    for words, told in (("web-22", "Did you mean web-2?"), ("host=db-1", "matches nothing")):
        reply = await stage.ask(made, f"/alerts why {words}")
        assert not reply.ok
        assert told in reply.text


async def test_what_is_muted_is_explained_by_its_name(stage: Stage) -> None:
    """Nothing was said of web-2 because of a silence, which is named with its reason."""
    world = Watchers(stage)
    made = await world.bot()
    for host in ("web-1", "web-2"):
        await world.agent(made, host)
    assert (await stage.ask(made, "/alerts silence host=web-2 for 2h because new disks")).ok
    await world.pass_time(made, SILENT)
    await world.pass_time(made, WAIT)
    await until(says(stage.front, "firing"))
    text = (await stage.ask(made, "/alerts why web-2")).text
    assert "not notified: silenced by ann: new disks, for 1 h 58 min more" in text
    answer = (await stage.ask(made, "/alerts")).answer
    assert answer is not None
    assert answer.summary == "2 alerts are firing"
    assert {row[1]: row[-1] for row in answer.rows} == {
        "silent web-1 in prod": "",
        "silent web-2 in prod": "silenced by ann: new disks",
    }
    lines = answer_lines(replace(answer, rows=(answer.rows[0],)))
    assert max(len(text_of(line)) for line in lines) <= 80
