"""Text that servers and people write is shown as text, whatever it says."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar, Literal
from urllib.parse import quote

from pydantic import Field

from alerts import AlertSettings
from baton.bus.facts import Facts
from baton.bus.messages import Person, State, now
from baton.command import Command
from baton.consumer import Extension
from baton.extensions import Commands
from baton.fields import Name
from baton.text.words import escaped
from bot.alerting.sink import StoredAlertSink
from bot.ingest.model import PushedAlert
from bot.servers.inventory import LastHeartbeat
from tests.bot.build import ANN
from tests.bot.store import build
from tests.bot.web.console.conftest import Console, OpenConsole
from tests.bot.web.console.hostile import CORPUS, EVERYTHING, LIVE, REF, shown, unharmed
from tests.bot.world import COMMANDS, wanted
from tests.support.browser import opened
from tests.support.wait import until

SCRIPT = CORPUS[0]
BRANCH = REF.partition('"')[0]
"""What is before the first quotation mark, which may be escaped."""
ALERTS = AlertSettings(channel="C_OPS", group_wait=0.0)


class Odd(Command):
    name: ClassVar[str] = "odd"
    example: ClassVar[str] = EVERYTHING
    environment: Name
    way: Literal[CORPUS[0], CORPUS[1]] = Field(description=EVERYTHING)  # type: ignore[valid-type]
    other: str = Field(default=CORPUS[1], description=EVERYTHING, examples=[*CORPUS])


Odd.__doc__ = f"{SCRIPT}\n\n{EVERYTHING}"


async def told(console: Console, answer: str, step: str) -> str:
    """A job of which each server says `answer` in each field that it has."""
    for agent in console.agents:
        agent.waits = True
    address = (await console.ask("/ship shop prod")).json()["job"]
    job = str(address["id"] if isinstance(address, dict) else address)
    await until(lambda: all(agent.requests for agent in console.agents))
    for agent in console.agents:
        request = agent.requests[-1]
        await agent.update(request, State.RUNNING, answer, level="log", step=step)
        await agent.update(request, State.FAILED, answer, step=step)

    async def ended() -> bool:
        found = await console.bot.store.ledger.job(job)
        return found is not None and all(run.state.final for run in found[1])

    await until(ended)
    return job


async def test_nothing_that_others_write_is_run(open_console: OpenConsole) -> None:
    """Lines, steps, results, names of people, reasons, matchers, and what is in an address: every
    page shows it as it is. Nothing runs and nothing is loaded, by whatever part of the page."""
    ann = Person(id="U_ANN", name=EVERYTHING[:200])
    console = await open_console(ann, alerts=wanted(ALERTS, "terminal"))
    job = await told(console, EVERYTHING, CORPUS[1])
    silence = await console.ask(f"/alerts silence app={CORPUS[0]!r} for 1h because {EVERYTHING}")
    assert silence.status_code == 200, silence.text
    runner = console.bot.alert_runner
    assert runner is not None
    await until(lambda: runner.engine and runner.engine.firing() and runner.engine.silences())
    odd = quote(EVERYTHING)
    async with unharmed(console.web.url) as reader:
        assert CORPUS[0] in await shown(reader, "/")
        alerting = await shown(reader, "/alerts")
        assert alerting.count(CORPUS[0]) >= 2, "the result of a run, and the reason of a silence"
        assert CORPUS[0] in await shown(reader, "/audit")
        output = await shown(reader, f"/jobs/{job}")
        assert all(text in output for text in (CORPUS[0], CORPUS[1])), "a line, a step, a result"
        for address in (
            f"/audit?person={odd}&environment={odd}",
            f"/jobs?person={odd[:300]}&command={odd[:100]}&q={odd[:100]}",
            f"/servers?environment={odd}",
            f"/run/ship?f-app={odd}&f-environment={odd}&text={odd}",
            f"/run/ship/plan?f-app={odd}&f-environment={odd}",
        ):
            await shown(reader, address)
        await shown(reader, f"/run/{quote(CORPUS[0], safe='')}", status=404)
        page = await opened(reader, "/")
        await page.get_by_role("combobox", name="Command, as in chat").fill(f"/{EVERYTHING}")
        await asyncio.gather(page.wait_for_url("**/ask"), page.keyboard.press("Enter"))
        assert await page.evaluate(LIVE) == []
        assert CORPUS[3] in await page.inner_text("main")


def odd_servers(console: Console) -> None:
    """Servers whose names are none: what checks them today may be changed one day."""
    names = {CORPUS[1]: "prod", CORPUS[3]: CORPUS[2]}
    console.bot.servers.load(
        LastHeartbeat(
            Facts.model_construct(host=host, environment=env, apps=(SCRIPT,), version=SCRIPT),
            now(),
            interval=15.0,
            leaving=True,
        )
        for host, env in names.items()
    )
    console.bot.servers._notes_of = lambda host: (EVERYTHING,)


async def odd_job(console: Console) -> str:
    """A job of such a server, which says that it put an odd version there."""
    ledger = console.bot.store.ledger
    asked = now() - timedelta(minutes=1)
    new = build.deploy("web-1", app=SCRIPT, title=f"ship {EVERYTHING}", asked=asked)
    runs = tuple(replace(run, host=CORPUS[1]) for run in new.runs)
    new = replace(new, job=replace(new.job, place=replace(new.job.place, name=SCRIPT)), runs=runs)
    await ledger.start_job(new, build.entry(new))
    facts = {"release": SCRIPT, "ref": REF, "commit": SCRIPT}
    ended = build.update(new, "web-1", 1, State.SUCCEEDED, facts=facts, time=now(), text=SCRIPT)
    ended = ended.model_copy(update={"host": CORPUS[1], "request": runs[0].request})
    await ledger.apply_updates([ended], now())
    return new.job.id


async def alert(console: Console) -> None:
    """An alert that another monitoring pushed, odd in all that it says."""
    runner = console.bot.alert_runner
    assert runner is not None
    labels = {"alertname": SCRIPT, "host": CORPUS[1], "env": "prod", "check": EVERYTHING[:200]}
    notes = {"summary": EVERYTHING, "runbook_url": "javascript:window.ran=1", "dashboard": SCRIPT}
    pushed = PushedAlert(labels, True, now().timestamp(), SCRIPT, notes, url=CORPUS[1])
    sink = StoredAlertSink(runner, {})
    await sink.store(sink.observations([pushed]))
    await until(lambda: runner.engine and runner.engine.firing())


async def test_nothing_that_is_named_is_run(open_console: OpenConsole) -> None:
    """Servers, environments, apps, versions, branches, alerts with their labels and annotations,
    schedules with why they are paused, commands with their fields and help: on every page, in what
    a page asks for later, and in answers."""
    commands = Commands([*COMMANDS.values(), Extension(Odd)])
    console = await open_console(ANN, alerts=wanted(ALERTS, "terminal"), commands=commands)
    asked = await console.ask(f"ship shop prod --ref '{escaped(REF)}'")
    assert asked.status_code == 200, asked.text
    scheduled = await console.ask(f"schedule ship shop prod --ref '{escaped(REF)}' every 5m")
    assert scheduled.status_code == 200, scheduled.text
    (schedule,) = await console.bot.store.schedules.in_channel("console")
    await console.ask(f"schedule pause {schedule.id} because {EVERYTHING}")
    odd_servers(console)
    job = await odd_job(console)
    await alert(console)
    async with unharmed(console.web.url) as reader:
        assert "ship <script>" in await shown(reader, "/")
        assert SCRIPT in await shown(reader, "/run")
        assert EVERYTHING[:100] in await shown(reader, "/run/odd")
        await shown(reader, "/run/ship?f-app=shop&f-environment=prod")
        assert BRANCH in await shown(reader, "/jobs")
        servers = await shown(reader, "/servers")
        assert all(text in servers for text in (*CORPUS[:3], REF))
        alerts = await shown(reader, "/alerts")
        assert all(text in alerts for text in CORPUS[:2])
        assert SCRIPT in await shown(reader, "/schedules")
        assert SCRIPT in await shown(reader, "/audit")
        of_job = await shown(reader, f"/jobs/{job}")
        assert CORPUS[1] in of_job
        page = await opened(reader, f"/jobs/{job}")
        box = page.get_by_role("combobox", name="Command, as in chat")
        for typed in ("/o", "/odd ", "/ship ", "/ship shop "):
            async with page.expect_response("**/suggestions?*"):
                await box.fill(typed)
            assert await page.evaluate(LIVE) == []
        for text in ("/servers", "/alerts why host=web", "/schedule list", "/help odd", "/jobs"):
            await box.fill(text)
            await box.press("Escape")
            await asyncio.gather(page.wait_for_url("**/ask"), box.press("Enter"))
            assert await page.evaluate(LIVE) == [], text
