"""Alerts: samples decided a second on one core, and memory, by the number of watched things.

No server and no database: the pure engine, ticked once a second of the
time that it is told.
"""

from __future__ import annotations

import asyncio
import gc
import random
import time
import tracemalloc
from itertools import cycle, islice

from alerts import Engine, HeartbeatSeen, Labels, Sample
from alerts.settings import parse_alerts
from bench.harness import Options, median, run, table, verdict

COUNTS = (100, 1_000, 10_000)
SAMPLES = 100_000
START = 1_750_000_000.0


def engine() -> Engine:
    return Engine(
        parse_alerts('channel = "ops"\n[[route]]\nmatch = "app=shop"\nchannel = "shop"\n')
    )


def things(count: int) -> list[Labels]:
    return [
        Labels.of(alertname="http", env="prod", host=f"web-{number}.example.net", app="shop")
        for number in range(count)
    ]


def decide(count: int, samples: int, bad_of_100: float) -> float:
    """Seconds of processor time for so many samples of `count` things, a thousand a second."""
    decider, watched = engine(), things(count)
    rng = random.Random(1)
    story = [rng.random() * 100 < bad_of_100 for _ in range(samples)]
    for labels in watched:
        decider.observe(Sample(labels, False, START))
    decider.tick(START)
    begun = time.process_time()
    for number, labels in enumerate(islice(cycle(watched), samples)):
        at = START + number / 1000
        decider.observe(Sample(labels, story[number], at, "status 502", source="probe/shop"))
        if number % 1000 == 0:
            decider.tick(at)
    return time.process_time() - begun


def beat(count: int, beats: int) -> float:
    """Seconds of processor time for so many heartbeats of `count` servers."""
    decider = engine()
    hosts = [f"web-{number}.example.net" for number in range(count)]
    begun = time.process_time()
    for number, host in enumerate(islice(cycle(hosts), beats)):
        at = START + 15 * number / count
        decider.observe(HeartbeatSeen(host, "prod", 15.0, at))
        if number % 1000 == 0:
            decider.tick(at)
    return time.process_time() - begun


def memory(count: int) -> tuple[float, float]:
    """Bytes for each thing: a server with a full history of heartbeats, and a probe that has
    changed its state now and then."""
    sizes = []
    for servers in (True, False):
        gc.collect()
        tracemalloc.start()
        decider = engine()
        before = tracemalloc.get_traced_memory()[0]
        for turn in range(120 if servers else 12):
            for number in range(count):
                host, at = f"web-{number}.example.net", START + 15.0 * turn
                if servers:
                    decider.observe(HeartbeatSeen(host, "prod", 15.0, at))
                else:
                    labels = Labels.of(alertname="http", env="prod", host=host, app="shop")
                    decider.observe(Sample(labels, turn in (3, 7), at, source="probe/shop"))
            decider.tick(START + 15.0 * turn)
        gc.collect()
        sizes.append((tracemalloc.get_traced_memory()[0] - before) / count)
        tracemalloc.stop()
    return sizes[0], sizes[1]


async def main(options: Options) -> None:
    samples = options.size(SAMPLES, 5_000)
    rows, well, storms = [], {}, {}
    sizes = {}
    for count in COUNTS:
        rounds = range(options.rounds)
        well[count] = samples / median([decide(count, samples, 0.1) for _ in rounds])
        storms[count] = samples / median([decide(count, samples, 10) for _ in rounds])
        beats = samples / median([beat(count, samples) for _ in rounds])
        sizes[count] = memory(min(count, options.size(10_000, 50)))
        figures = (well[count], storms[count], beats)
        rows.append(
            [
                f"{count:,}",
                *(f"{figure:,.0f}" for figure in figures),
                *(f"{size:,.0f} B" for size in sizes[count]),
            ]
        )
        await asyncio.sleep(0)
    table(
        ["things", "samples/s", "1 of 10 bad", "heartbeats/s", "a server", "a probe"],
        rows,
    )
    verdict("samples a second, 10,000 things", well[10_000], 10_000, least=True)
    verdict("samples a second, 1 of 10 bad", storms[10_000], 10_000, least=True)
    verdict("memory of a watched server", sizes[10_000][0], 2048, unit=" B")
    verdict("cost of a sample at 10,000 things to that at 100", well[100] / well[10_000], 2)


if __name__ == "__main__":
    run(main, __doc__)
