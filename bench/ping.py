"""Ping: one `/ping prod` in Slack, 1,000 real agents, and the time to the last pong in the ledger.

The bot is `baton bot` as a process, with a SQLite ledger, over a private RabbitMQ; Slack is the
Slack server of the tests, in this process. The agents share one process and four connections.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from baton_slack_testing import SlackServer
from bench import harness
from bench.harness import Options, median, ms, rabbit
from tests.support.wait import until

SECONDS, CALLS = 3.0, 10


@dataclass(frozen=True)
class Figure:
    """Seconds from typing to: the answer, half of the pongs and the last one in the ledger, the
    post that says so; and how many calls Slack got for it."""

    ack: float
    half: float
    last: float
    told: float
    calls: int


class Ledger:
    """A look at the bot's database from outside."""

    def __init__(self, file: Path) -> None:
        self._db = sqlite3.connect(f"file:{file}?mode=ro", uri=True)

    def one(self, query: str) -> int:
        """The number that `query` finds."""
        return int(self._db.execute(query).fetchone()[0])

    def answered(self) -> int:
        """Pongs of the newest job."""
        newest = "SELECT id FROM jobs ORDER BY asked DESC, id LIMIT 1"
        return self.one(f"SELECT count(*) FROM runs WHERE job = ({newest}) AND state = 'succeeded'")

    def close(self) -> None:
        """Look no more."""
        self._db.close()


async def ping(slack: SlackServer, ledger: Ledger, count: int) -> Figure:
    """One ping of all."""
    jobs = ledger.one("SELECT count(*) FROM jobs")
    calls = sum(slack.calls.counts.values())
    shown = len(slack.channel("C_OPS").messages)
    begun = time.monotonic()
    reply = await slack.person("U_ANN", name="ann").slash("/ping prod", channel="C_OPS")
    assert reply.error is None, reply.error
    await until(lambda: ledger.one("SELECT count(*) FROM jobs") > jobs, every=0.005)
    await until(lambda: ledger.answered() >= count // 2, 60, every=0.01)
    half = time.monotonic() - begun
    await until(lambda: ledger.answered() == count, 60, every=0.01)
    last = time.monotonic() - begun
    summary = f"{count} of {count} answered"
    channel = slack.channel("C_OPS")
    # a job that is short is posted once it has ended
    await slack.until(lambda: any(summary in one.plain for one in channel.messages[shown:]), 60)
    told = time.monotonic() - begun
    # done only when the bot itself says that there is nothing more to tell
    await until(lambda: ledger.one("SELECT count(*) FROM jobs WHERE told = 0") == 0, 30)
    return Figure(
        reply.acked_after or 0.0, half, last, told, sum(slack.calls.counts.values()) - calls
    )


async def main(options: Options) -> None:
    """Measure and print."""
    count = options.size(1000, 20)
    with harness.folder() as place:
        async with rabbit(options) as url, SlackServer(record=False) as slack:
            begun = time.monotonic()
            async with harness.process(*harness.program("bench.agents"), url, str(count)) as agents:
                await agents.line(180)
                print(f"{count} agents listen after {time.monotonic() - begun:.1f} s", flush=True)
                found = await _pings(options, url, slack, place, count)
    heads = ("median of", "acked", "half of the pongs", "last pong", "post says so", "Slack calls")
    harness.table(
        heads,
        [
            (
                f"{len(found)} pings",
                *(
                    ms(median([getattr(each, name) for each in found]))
                    for name in ("ack", "half", "last", "told")
                ),
                f"{max(each.calls for each in found)} at most",
            )
        ],
    )
    last = median([each.last for each in found])
    harness.verdict(f"the last of {count} pongs is in the ledger", last, SECONDS, unit=" s")
    harness.verdict("Slack calls for one ping", max(each.calls for each in found), CALLS)


async def _pings(
    options: Options, url: str, slack: SlackServer, place: Path, count: int
) -> list[Figure]:
    env = {
        **slack.env,
        "BATON_BUS_URL": url,
        "BATON_DATABASE_URL": f"sqlite:///{place}/ledger.db",
        "BATON_LOG_LEVEL": "error",
        "BATON_WEB_ENABLED": "false",
    }
    async with harness.process(harness.BATON, "bot", env=env) as _bot:
        await slack.connected(timeout=30)
        ledger = Ledger(place / "ledger.db")
        try:
            known = "SELECT count(*) FROM servers"
            await until(lambda: ledger.one(known) == count, 60, every=0.1)
            return [await ping(slack, ledger, count) for _ in range(max(options.rounds, 1))]
        finally:
            ledger.close()


if __name__ == "__main__":
    harness.run(main, sys.modules["__main__"].__doc__)
