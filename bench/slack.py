"""Slack: from a slash command to its acknowledgement and its post, beside a bare slack-bolt app.

The bot is `baton bot` as a process, with a SQLite ledger and a private RabbitMQ; its `/deploy`
is allowed, written into the ledger, sent to a server (which does not answer) and posted. The bare
app acknowledges and posts a line, with nothing kept. Then `/deploy` alone, and the button under its
help, open its form: the time is taken until Slack is asked for it. Slack is the server of the
tests, a process that is not measured but shares the machine: it delivers to bot and app alike.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path

from baton import API, Heartbeat
from baton.agent.output import key_of
from baton.bus.exchanges import HEARTBEAT_QUEUE, INPUT, OUTPUT, agent_queue, host_key
from baton.bus.facts import Facts
from bench import harness
from bench.harness import Options, interleaved, median, ms, percentile, rabbit
from bench.workspace import Drive, Seen
from tests.support.wait import until

FQDN = "web-1.example.net"
LINE = "/deploy shop prod"
BEGUN = "/deploy"
IN_FLIGHT = 50
PAUSE = 0.15
"""Seconds between a post and the next command, when the bot rests in between."""
BARE, BATON = "bare AsyncApp", "Baton"


@dataclass(frozen=True)
class Figure:
    """What was seen one after the other, after a rest, and with many in flight; the bot's processor
    time for each of the many until all were posted, in microseconds; and what was seen of forms,
    one after the other."""

    in_turn: Seen
    rested: Seen
    many: Seen
    forms: Seen
    count: int
    cpu: float


async def typed(slack: harness.Process, line: Drive) -> Seen:
    """What people see who type `line`."""
    await slack.tell(json.dumps(asdict(line)))
    return Seen(**json.loads(await slack.line(240)))


async def warmed(slack: harness.Process) -> bool:
    """Whether the bot takes commands: it hears of its server a moment after it has begun."""
    return not (await typed(slack, Drive(LINE, 2, 1, pause=0.0))).errors


async def drive(slack: harness.Process, line: Drive) -> Seen:
    """`typed`, if all goes well."""
    seen = await typed(slack, line)
    if seen.errors:
        raise RuntimeError(f"{len(seen.errors)} of {line.count} failed: {seen.errors[0]}")
    return seen


async def measure(
    options: Options, bot: tuple[str | Path, ...], env: dict[str, str], *, forms: bool = False
) -> Figure:
    """One round of a bot, which has `forms` or has not."""
    # each of those one by one waits for its post, which is held for its end for 1.5 s
    in_turn, rested, many = options.size(30, 2), options.size(15, 1), options.size(2000, 20)
    async with harness.process(*harness.program("bench.workspace")) as slack:
        env = env | json.loads(await slack.line())
        async with harness.process(*bot, env=env) as running:
            assert await slack.line() == "connected"
            await until(lambda: warmed(slack), 30, every=0.2)
            one_by_one = await drive(slack, Drive(LINE, in_turn, 1))
            singles = await drive(slack, Drive(LINE, rested, 1, pause=PAUSE))
            before = running.cpu
            together = await drive(slack, Drive(LINE, many, IN_FLIGHT))
            cpu = (running.cpu - before) / many * 1e6
            count = options.size(100, 2) if forms else 0
            opened = await drive(slack, Drive(BEGUN, count, 1, form=True))
            return Figure(one_by_one, singles, together, opened, many, cpu)


@contextlib.asynccontextmanager
async def server_known(url: str) -> AsyncIterator[None]:
    """A server that runs shop in prod, with a queue for its requests, and a queue in which a bot
    finds its heartbeat."""
    facts = Facts(host=FQDN, environment="prod", apps=("shop",), commands=("deploy",))
    async with harness.channel(url) as bus:
        await bus.declare(agent_queue(FQDN), [(INPUT, host_key(FQDN))])
        await bus.declare(HEARTBEAT_QUEUE, [(OUTPUT, "heartbeat.#")])
        beat = Heartbeat(source=FQDN, facts=facts, interval=3600)
        await API(bus).publish(OUTPUT, key_of(beat), beat)
        yield


async def baton(options: Options, url: str) -> Figure:
    """One round of Baton."""
    with harness.folder() as place:
        env = {
            "BATON_BUS_URL": url,
            "BATON_DATABASE_URL": f"sqlite:///{place}/ledger.db",
            "BATON_LOG_LEVEL": "error",
            "BATON_WEB_ENABLED": "false",
        }
        config = place / "baton.toml"
        limits = "[limits]\nrequests_per_minute = 1_000_000\nburst = 1_000_000\n"
        config.write_text(f"[environments.prod]\nopen = true\n{limits}")
        async with server_known(url):
            return await measure(
                options, (harness.BATON, "bot", "--config", str(config)), env, forms=True
            )


async def main(options: Options) -> None:
    """Measure, print, and compare with the targets."""
    bolt = harness.program("bench.peers.with_bolt")
    async with rabbit(options) as url:
        found = await interleaved(
            {BARE: lambda: measure(options, bolt, {}), BATON: lambda: baton(options, url)},
            options.rounds,
        )
    rows, acks, rates, worst = [], {}, {}, {}
    for name, figures in found.items():
        in_turn = [value for each in figures for value in each.in_turn.acks]
        rested = [value for each in figures for value in each.rested.acks]
        posts = [value for each in figures for value in each.rested.posts]
        many = [value for each in figures for value in each.many.acks]
        rates[name] = median([each.count / each.many.acked for each in figures])
        posted = median([each.count / each.many.posted for each in figures])
        acks[name], worst[name] = median(in_turn), max(in_turn + rested + many)
        rows.append(
            (
                name,
                ms(acks[name]),
                ms(percentile(in_turn, 99)),
                ms(median(rested)),
                ms(median(posts)),
                f"{rates[name]:.0f}",
                f"{rates[name] / rates[BARE]:.2f}",
                ms(percentile(many, 99)),
                f"{posted:.0f}",
                f"{median([each.cpu for each in figures]):.0f}",
            )
        )
    heads = (
        "",
        "ack p50",
        "p99",
        "after a rest",
        "post p50",
        f"acked/s, {IN_FLIGHT} in flight",
        "of bare",
        "ack p99 then",
        "posted/s",
        "CPU µs each",
    )
    harness.table(heads, rows)
    by_typing = [value for each in found[BATON] for value in each.forms.typed_forms]
    by_button = [value for each in found[BATON] for value in each.forms.clicked_forms]
    harness.table(
        ("forms", "opened p50", "p99"),
        [
            (f"{BEGUN} alone", ms(median(by_typing)), ms(percentile(by_typing, 99))),
            ("the button under its help", ms(median(by_button)), ms(percentile(by_button, 99))),
        ],
    )
    slowest = percentile([*by_typing, *by_button], 99)
    harness.verdict("a form is opened, p99", slowest * 1000, 300.0, unit=" ms")
    harness.verdict("ack p50", acks[BATON] * 1000, 2.0, unit=" ms")
    harness.verdict("the slowest ack", worst[BATON], 3.0, unit=" s")
    harness.verdict("commands/s, the ledger written", rates[BATON], 1000, least=True)
    harness.verdict("commands/s, of bare", rates[BATON] / rates[BARE], 0.9, least=True)
    cpu = {name: median([each.cpu for each in figures]) for name, figures in found.items()}
    harness.verdict("processor time of a job, of bare", cpu[BATON] / cpu[BARE], 2.5)


if __name__ == "__main__":
    harness.run(main, sys.modules["__main__"].__doc__)
