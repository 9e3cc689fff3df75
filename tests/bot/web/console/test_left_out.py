"""What somebody may not read is left out of each list, and the list says how much, and why."""

from __future__ import annotations

import pytest

from alerts.labels import Labels
from alerts.observation import Sample
from baton.bus.messages import Person, new_id
from bot.dispatch.authorizer import Reader
from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from bot.jobs import console_place
from tests.bot.alerting.world import settings
from tests.bot.counter import BEN, broken, readers
from tests.bot.web.console.conftest import Console, OpenConsole
from tests.bot.world import wanted
from tests.support.policy import OPEN
from tests.support.wait import until

GROUP = Policy([Rule(who=("@readers",))], {"prod": EnvironmentTable(protected=True)})
LISTS = {
    "servers": "3 servers",
    "alerts": "1 alert",
    "schedules": "1 schedule",
    "audit": "2 requests",
    "jobs": "1 job",
}
GUEST = Person(id="U_GUEST", name="gus", standing="guest")
HTML = {"Accept": "text/html"}


async def fire(console: Console, **labels: str) -> None:
    runner = console.bot.alert_runner
    assert runner is not None
    await until(lambda: runner.engine is not None and runner.engine.blind_since is None)
    seen = Labels.of({"alertname": "disk", **labels})
    runner.observe(Sample(seen, True, runner.now(), "97 % full", decided=True))

    def fires() -> bool:
        firing = [] if runner.engine is None else runner.engine.firing()
        return any(one.labels == seen for one in firing)

    await until(fires)


@pytest.fixture
async def prod(open_console: OpenConsole, monkeypatch: pytest.MonkeyPatch) -> Console:
    """A console with one of each in prod, which a group may look at. Nobody can tell now who is in
    that group."""
    monkeypatch.setattr("bot.web.console.access._no_groups", broken)
    console = await open_console(policy=GROUP, alerts=wanted(settings(), "terminal"))
    for text in ("ship shop prod", "schedule ship shop prod every day at 9am"):
        place = console_place("terminal")
        reply = await console.bot.dispatcher.ask(
            text, asker=BEN, groups=readers, place=place, key=new_id()
        )
        assert reply.ok, reply.text
    await fire(console, env="prod", host="web-1")
    return console


async def test_groups_that_cannot_be_looked_up_are_the_reason(prod: Console) -> None:
    """Not "you are not allowed", which is not known: every list says so, to programs and on its
    page."""
    for name, count in LISTS.items():
        note = f"{count} left out: your user groups could not be looked up, try again in a minute"
        found = (await prod.client.get(f"/api/v1/{name}")).json()
        assert (name, found[name], found["note"]) == (name, [], note)
        text = (await prod.client.get(f"/{name}", headers=HTML)).text
        assert note in text, name
    text = (await prod.client.get("/", headers=HTML)).text
    assert "Of the latest jobs: 1 job left out: your user groups could not be looked up" in text


async def test_an_alert_is_shown_only_after_it_was_judged(
    open_console: OpenConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that begins to fire while the others are judged is shown when the list is next read."""
    console = await open_console(GUEST, policy=OPEN, alerts=wanted(settings(), "terminal"))
    await fire(console, env="prod", host="web-1")
    look = Reader.may_look_at

    async def meanwhile(reader: Reader, environment: str) -> bool:
        await fire(console, env="new", host="web-9")
        return await look(reader, environment)

    monkeypatch.setattr(Reader, "may_look_at", meanwhile)
    found = (await console.client.get("/api/v1/alerts")).json()
    assert (found["alerts"], found["left_out"]) == ([], 1)
