"""Several worlds at once: most of their time is spent waiting for leases to run out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from tests.e2e.world import World
from tests.support.broker import Broker

Case = Callable[[World], Awaitable[None]]


async def together(
    broker: Broker, folder: Path, cases: Mapping[str, Case], *, at_once: int = 6
) -> None:
    """Run each of `cases`, by its name, in a world of its own. Raises what failed, all of it."""
    turn = asyncio.Semaphore(at_once)

    async def one(name: str, case: Case) -> None:
        async with turn:
            began = time.monotonic()
            async with World(broker, folder / name.replace(" ", "-")) as world:
                await case(world)
            print(f"{name}: {time.monotonic() - began:.1f} s")

    names = list(cases)
    results = await asyncio.gather(
        *(one(name, cases[name]) for name in names), return_exceptions=True
    )
    failed = []
    for name, error in zip(names, results, strict=True):
        if isinstance(error, Exception):
            error.add_note(f"in the case: {name}")
            failed.append(error)
        elif error is not None:
            raise error
    if failed:
        raise ExceptionGroup(f"{len(failed)} of {len(names)} cases", failed)
