"""Memory of a bot."""

from __future__ import annotations

import ctypes

import pytest

from bot.app.garbage import return_free_memory


def resident() -> int:
    """The bytes of this process that are in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="no glibc")
async def test_free_memory_goes_back_to_the_system() -> None:
    """Also what lies below something that is still in use."""
    pieces = [bytes(3_000) for _ in range(20_000)]
    kept = pieces[-1:]
    del pieces
    before = resident()
    await return_free_memory()
    assert before - resident() > 30_000_000
    assert kept
