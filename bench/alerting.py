"""Alerting: from the decision to say something until Slack has the message, when nothing limits it.

The bot is `baton bot` as a process, with a SQLite database and a private RabbitMQ; Slack is the
strict server of the tests, in this process. Alerts are pushed over HTTP, each for a channel of its
own, so that Slack's one message a second is not what is measured; `group_wait` is 1 ms. The
decision is dated by the transaction that writes it down, the message by Slack's own `ts`: one
clock.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx

from baton_slack_testing import SlackServer
from bench import harness
from bench.harness import Options, median, ms, percentile, rabbit
from tests.support.ports import free_port
from tests.support.wait import until

TARGET = 2.0
"""Seconds from decision to Slack, of 99 in 100."""
AT_ONCE = 50
PAUSE = 0.1
"""Seconds between two pushes of one alert: a sender may push 20 times a second."""


@dataclass(frozen=True)
class Told:
    """Seconds from the push to Slack, and from the decision to Slack, of each alert."""

    pushed: list[float]
    decided: list[float]


class Team:
    """A bot, and channels for its alerts. `url` is where alerts are pushed."""

    def __init__(self, slack: SlackServer, place: Path, url: str, channels: int) -> None:
        self.slack, self.place, self.url = slack, place, url
        self._channels: Iterator[int] = iter(range(channels))
        for number in range(channels):
            slack.add_channel(f"C_{number}", f"team-{number}")

    async def push(self, web: httpx.AsyncClient, count: int) -> dict[str, float]:
        """Push `count` alerts in one request; when, by the channel of each."""
        names = [f"C_{next(self._channels)}" for _ in range(count)]
        body = [{"labels": {"alertname": "bench", "channel": name}} for name in names]
        at = time.time()
        answer = await web.post(self.url, json=body, headers={"Authorization": "Bearer bench"})
        answer.raise_for_status()
        return dict.fromkeys(names, at)

    async def told(self, pushed: Mapping[str, float]) -> Told:
        """Wait until Slack has all of it, and its database says so."""
        await self.slack.until(
            lambda: all(len(self.slack.channel(name).by_ts) >= 2 for name in pushed), 120
        )
        found = Told([], [])
        decided = self._decided()
        for name, at in pushed.items():
            shown = float(self.slack.channel(name).messages[0].ts)
            found.pushed.append(shown - at)
            found.decided.append(shown - decided[name])
        return found

    def _decided(self) -> dict[str, float]:
        with closing(sqlite3.connect(self.place / "ledger.db")) as connection:
            rows = connection.execute("SELECT data, at FROM alert_posts WHERE key = subject")
            return {json.loads(data)["channel"]: at / 1e6 for data, at in rows}


def settings(place: Path, channels: int) -> tuple[Path, Path]:
    """The bot's settings, and its alerts.toml."""
    routes = "".join(
        f'[[route]]\nmatch = "channel=C_{number}"\nchannel = "C_{number}"\n'
        for number in range(channels)
    )
    alerts = place / "alerts.toml"
    alerts.write_text(f'channel = "C_OPS"\ngroup_wait = "0.001s"\n{routes}')
    bot = place / "baton.toml"
    bot.write_text('[web.senders]\nbench = "bench"\n')
    return bot, alerts


async def measure(options: Options, bus: str) -> tuple[Told, Told]:
    """One round: one at a time, then many at once."""
    alone, bursts = options.size(200, 5), options.size(4, 1)
    together = options.size(AT_ONCE, 5)
    channels = alone + bursts * together + 1
    with harness.folder() as place:
        config, alerts = settings(place, channels)
        port = free_port()
        async with SlackServer() as slack:
            env = {
                **slack.env,
                "BATON_ALERTS_FILE": str(alerts),
                "BATON_BUS_URL": bus,
                "BATON_DATABASE_URL": f"sqlite:///{place}/ledger.db",
                "BATON_LOG_LEVEL": "error",
                "BATON_WEB_PORT": str(port),
            }
            team = Team(slack, place, f"http://127.0.0.1:{port}/alerts", channels)
            async with harness.process(harness.BATON, "bot", "--config", config, env=env):
                await slack.connected(2, timeout=60)
                async with httpx.AsyncClient(trust_env=False) as web:
                    return await _pushed(team, web, alone, [together] * bursts)


async def _pushed(
    team: Team, web: httpx.AsyncClient, alone: int, bursts: list[int]
) -> tuple[Told, Told]:
    async def first() -> bool:
        try:
            await team.told(await team.push(web, 1))
        except httpx.TransportError:
            return False
        return True

    await until(first, 30, every=0.2)
    pushed: dict[str, float] = {}
    for _ in range(alone):
        pushed |= await team.push(web, 1)
        await asyncio.sleep(PAUSE)
    singles = await team.told(pushed)
    many = Told([], [])
    for count in bursts:
        told = await team.told(await team.push(web, count))
        many.pushed.extend(told.pushed)
        many.decided.extend(told.decided)
    return singles, many


async def main(options: Options) -> None:
    """Measure, print, and compare with the target."""
    rounds = []
    for _ in range(options.rounds):
        async with rabbit(options) as bus:
            rounds.append(await measure(options, bus))
    rows, worst = [], 0.0
    names = (f"one every {PAUSE * 1000:.0f} ms", f"{options.size(AT_ONCE, 5)} at once")
    for name, told in zip(names, zip(*rounds, strict=True), strict=True):
        decided = [value for each in told for value in each.decided]
        pushed = [value for each in told for value in each.pushed]
        worst = max(worst, percentile(decided, 99))
        figures = (median(decided), percentile(decided, 99), max(decided))
        whole = (median(pushed), percentile(pushed, 99))
        rows.append((name, len(decided), *map(ms, figures), *map(ms, whole)))
    heads = ("alerts", "count", "decided p50", "p99", "worst", "pushed p50", "p99")
    harness.table(heads, rows)
    harness.verdict("decision -> Slack, p99", worst, TARGET, unit=" s")


if __name__ == "__main__":
    harness.run(main, sys.modules["__main__"].__doc__)
