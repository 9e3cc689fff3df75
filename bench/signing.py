"""Signing: a signature and its check, jobs a second with and without, an agent's memory.

Jobs go the whole way, as in `path`: here the bot signs each request and the agent insists on it.
Memory: of `baton agent` at rest, off and in the mode `require`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aio_pika

from baton.agent.trust.settings import SigningTable
from baton.agent.trust.trust import Trust
from baton.bus.api import to_envelope
from baton.bus.exchanges import agent_queue
from baton.bus.signing.private_key import PrivateKey
from baton.bus.signing.signer import KeySigner
from baton.process.garbage import tune_garbage_collector
from bench import harness, idle, path
from bench.harness import Options, interleaved, median, rabbit
from bot.app.garbage import THRESHOLDS
from tests.baton.stage import request

OFF, ON = "off", "require"


def one_signature(count: int) -> tuple[float, float]:
    """Seconds of processor time that it takes to sign a request, and to verify it."""
    key, order = PrivateKey.new("bot"), request()
    signer = KeySigner([key])
    trust = Trust(SigningTable.model_validate({"mode": ON, "keys": [key.public.line]}))
    body = to_envelope(order).body
    begun = time.process_time()
    for _ in range(count):
        signer.headers(order.type, body)
    signed = time.process_time()
    envelope = to_envelope(order, signer)
    again = time.process_time()
    for _ in range(count):
        assert trust.doubt(order, envelope) == ""
    return (signed - begun) / count, (time.process_time() - again) / count


async def memory(url: str, place: Path, settled: float, rounds: int) -> dict[str, float]:
    """MB of an agent at rest, off and on."""
    key = PrivateKey.new("bot")
    files = {}
    for mode in (OFF, ON):
        files[mode] = place / f"{mode}.toml"
        files[mode].write_text(
            f'[bus]\nurl = "{url}"\n[server]\nenvironment = "prod"\nfqdn = "{mode}.example.net"\n'
            f'[agent]\nstate = "{place}"\n'
            f'[signing]\nmode = "{mode}"\nkeys = ["{key.public.line}"]\n'
        )
    connection = await aio_pika.connect(url)
    async with connection:

        def agent(mode: str) -> Callable[[], Awaitable[idle.Figure]]:
            queue = agent_queue(f"{mode}.example.net").name
            argv = (harness.BATON, "agent", "--config", files[mode])
            quiet = {"BATON_LOG_LEVEL": "error"}
            return lambda: idle.measure(
                argv, quiet, lambda: idle.has_consumer(connection, queue), settled
            )

        found = await interleaved({mode: agent(mode) for mode in (OFF, ON)}, rounds)
    return {mode: median([each.rss for each in figures]) for mode, figures in found.items()}


async def main(options: Options) -> None:
    """Measure, print, and compare with the targets."""
    sign, verify = one_signature(options.size(5_000, 200))
    alone, together = options.size(20, 5), options.size(3_000, 40)
    tune_garbage_collector(*THRESHOLDS)  # as a bot does
    key = PrivateKey.new("bot")
    with harness.folder() as place:
        async with rabbit(options) as url:
            rss = await memory(
                url, place, idle.SETTLED if not options.quick else 0.1, options.rounds
            )
            found = await interleaved(
                {
                    OFF: lambda: path.measure(path.baton, url, alone, together),
                    ON: lambda: path.measure(
                        lambda at: path.baton(at, KeySigner([key]), key.public.line),
                        url,
                        alone,
                        together,
                    ),
                },
                options.rounds,
            )
    rates = {name: median([each.rate for each in figures]) for name, figures in found.items()}
    rows = [(name, f"{rates[name]:.0f}/s", f"{rss[name]:.1f} MB") for name in (OFF, ON)]
    harness.table(("signatures", f"jobs, {path.IN_FLIGHT} in flight", "agent, RSS"), rows)
    print(f"sign {sign * 1e6:.0f} µs, verify {verify * 1e6:.0f} µs")
    harness.verdict("sign and verify", (sign + verify) * 1e6, 300, unit=" µs")
    harness.verdict("jobs a second, of those without", rates[ON] / rates[OFF], 0.9, least=True)
    harness.verdict("memory of an agent, more", rss[ON] - rss[OFF], 8, unit=" MB")


if __name__ == "__main__":
    harness.run(main, sys.modules["__main__"].__doc__)
