"""Several worlds at once: most of their time is spent waiting for leases to run out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar

from tests.stories.world import World
from tests.support.broker import Broker

W = TypeVar("W", bound=World)
Case = Callable[[World], Awaitable[None]]


async def together(
    broker: Broker, folder: Path, cases: Mapping[str, Case], *, at_once: int = 6
) -> None:
    """Run each of `cases`, by its name, in a world of its own. Raises what failed, all of it."""
    await together_in(World, broker, folder, cases, at_once=at_once)


async def together_in(
    world: Callable[[Broker, Path], W],
    broker: Broker,
    folder: Path,
    cases: Mapping[str, Callable[[W], Awaitable[None]]],
    *,
    at_once: int = 6,
) -> None:
    """The same, in such worlds."""
    turn = asyncio.Semaphore(at_once)

    async def one(name: str, case: Callable[[W], Awaitable[None]]) -> None:
        async with turn:
            began = time.monotonic()
            async with world(broker, folder / name.replace(" ", "-")) as made:
                await case(made)
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
