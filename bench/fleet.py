"""Fleet: one `/deploy` to 10, 100 and 1,000 servers of 40 lines each, until all of it is in Slack.

The bot is `baton bot` as a process, with a SQLite ledger, over a private RabbitMQ; Slack is the
Slack server of the tests, in this process. The agents are real and share one process; their deploys
only talk. Times count from the moment when the bus has the last server's end.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass

from baton_slack_testing import SlackServer
from baton_slack_testing.workspace import Message
from bench import harness
from bench.harness import Options, ms, rabbit
from bench.ping import Ledger
from tests.support.wait import until

CLOSED, TRUE, SHOWN = 2.0, 4.0, 14.0
"""Seconds after the last server's end: the ledger holds it; the post says so, 2 s later; and all
that is to be shown is, 10 s after that."""
CALLS, MEMORY = 20, 200.0
FAILING = 5
"""Servers that fail if the app is `broken`."""


@dataclass(frozen=True)
class Figure:
    """Seconds from the last server's end to: the ledger closed, the post true, all shown; from the
    command to all shown; calls of Slack's Web API, posts in the thread, and the bot's memory."""

    closed: float
    true: float
    shown: float
    whole: float
    calls: int
    thread: int
    memory: float


async def deploy(
    slack: SlackServer, ledger: Ledger, agents: harness.Process, bot: harness.Process, app: str
) -> Figure:
    """One deploy to all."""
    channel = slack.channel("C_OPS")
    calls = sum(slack.calls.counts.values())
    jobs = ledger.one("SELECT count(*) FROM jobs")
    begun = time.time()
    reply = await slack.person("U_ANN", name="ann").slash(f"/deploy {app} prod", channel="C_OPS")
    assert reply.error is None, reply.error
    await until(lambda: ledger.one("SELECT count(*) FROM jobs") > jobs, every=0.005)
    ending = asyncio.create_task(agents.line(240))
    open_jobs = "SELECT count(*) FROM jobs WHERE closed IS NULL"
    await until(lambda: ledger.one(open_jobs) == 0, 240, every=0.01)
    closed = time.time()
    word = "failed" if app == "broken" else "succeeded"

    def tops() -> list[Message]:
        return [message for message in channel.messages if message.thread_ts is None]

    def told() -> bool:
        return len(tops()) > jobs and word in tops()[-1].text.split()[:3]

    await slack.until(told, 120)
    true = time.time()
    await until(lambda: ledger.one("SELECT count(*) FROM jobs WHERE told = 0") == 0, 240)
    shown = time.time()
    ended = float((await ending).removeprefix("ended "))
    return Figure(
        closed - ended,
        true - ended,
        shown - ended,
        shown - begun,
        sum(slack.calls.counts.values()) - calls,
        len(channel.thread(tops()[-1].ts)),
        bot.memory[0],
    )


async def measure(options: Options, url: str, count: int) -> dict[str, Figure]:
    """A fleet of so many servers: one deploy that goes well, and one that fails on a few."""
    with harness.folder() as place:
        config = place / "baton.toml"
        config.write_text("[environments.prod]\nopen = true\n")
        async with SlackServer(record=False) as slack:
            slack.add_channel("C_OPS", "ops")
            env = {
                **slack.env,
                "BATON_BUS_URL": url,
                "BATON_DATABASE_URL": f"sqlite:///{place}/ledger.db",
                "BATON_LOG_LEVEL": "error",
                "BATON_WEB_ENABLED": "false",
            }
            program = harness.program("bench.agents")
            async with harness.process(*program, url, str(count)) as agents:
                await agents.line(240)
                async with harness.process(
                    harness.BATON, "bot", "--config", config, env=env
                ) as bot:
                    await slack.connected(timeout=60)
                    ledger = Ledger(place / "ledger.db")
                    try:
                        known = "SELECT count(*) FROM servers"
                        await until(lambda: ledger.one(known) >= count, 120, every=0.1)
                        return {
                            app: await deploy(slack, ledger, agents, bot, app)
                            for app in ("shop", "broken")
                        }
                    finally:
                        ledger.close()


async def main(options: Options) -> None:
    """Measure and print."""
    rows, verdicts = [], []
    for count in (10, 100, 1000):
        if options.quick and count > 10:
            break
        async with rabbit(options) as url:
            for app, figure in (await measure(options, url, count)).items():
                what = f"{count} servers" + (f", {FAILING} failing" if app == "broken" else "")
                rows.append(
                    (
                        what,
                        *(ms(each) for each in (figure.closed, figure.true, figure.shown)),
                        f"{figure.whole:.1f} s",
                        figure.calls,
                        figure.thread,
                        f"{figure.memory:.0f} MB",
                    )
                )
                verdicts += [
                    (f"{what}: the ledger closed", figure.closed, CLOSED, " s"),
                    (f"{what}: the post true", figure.true, TRUE, " s"),
                    (f"{what}: everything shown", figure.shown, SHOWN, " s"),
                    (f"{what}: Slack calls", figure.calls, CALLS, ""),
                    (f"{what}: the bot's RSS", figure.memory, MEMORY, " MB"),
                ]
    heads = (
        "after the last server's end",
        "ledger closed",
        "post true",
        "all shown",
        "(from the ask)",
        "Slack calls",
        "in the thread",
        "bot RSS",
    )
    harness.table(heads, rows)
    for name, value, target, unit in verdicts:
        harness.verdict(name, value, target, unit=unit)


if __name__ == "__main__":
    harness.run(main, sys.modules["__main__"].__doc__)
