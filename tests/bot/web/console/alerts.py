"""A console of a bot with an alert that fires."""

from __future__ import annotations

from alerts.labels import Labels
from alerts.observation import Sample
from baton.bus.messages import Person
from tests.bot.alerting.world import settings
from tests.bot.build import ANN
from tests.bot.web.console.conftest import Console, OpenConsole
from tests.bot.world import wanted
from tests.support.policy import OPEN
from tests.support.wait import until

DISK = Labels.of({"alertname": "disk", "env": "prod", "host": "web-1"})


async def firing(open_console: OpenConsole, person: Person = ANN, policy: object = OPEN) -> Console:
    """A console of a bot with one alert."""
    console = await open_console(person, policy=policy, alerts=wanted(settings(), "terminal"))
    runner = console.bot.alert_runner
    assert runner is not None
    await until(lambda: runner.engine is not None and runner.engine.blind_since is None)
    runner.observe(Sample(DISK, True, runner.now(), "97 % full", decided=True))
    await until(lambda: runner.engine is not None and bool(runner.engine.firing()))
    return console
