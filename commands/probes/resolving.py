"""Names are resolved so that one name whose answer does not come blocks no other.

Python resolves all names in one small pool of threads: with a few names of a dead resolver, some 20
s each, every other probe would wait behind them and report its target down.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import TypeVar

T = TypeVar("T")

MAX_LOOKUPS = 64
"""Names at a time, each in a thread of its own."""
HEAD_START = 0.25
"""Seconds after which the next address is tried beside the one before (RFC 8305, section 5)."""


class Busy(Exception):
    """So many look-ups hang that this one was not begun: it says nothing about the name."""


class NameResolver:
    """A resolver resolves each name in a thread of its own, once for everybody who asks at the same
    time."""

    def __init__(self, most: int = MAX_LOOKUPS) -> None:
        self._most = most
        self._under_way: dict[str, asyncio.Future[Sequence[str]]] = {}

    async def addresses(self, host: str) -> Sequence[str]:
        """Return the addresses of `host`, at least one. Raises OSError, and Busy."""
        with contextlib.suppress(ValueError):
            return [str(ip_address(host))]
        answer = self._under_way.get(host)
        if answer is None:
            if len(self._under_way) >= self._most:
                raise Busy()
            answer = self._begun(host)
        # whoever gives up waiting must not end it for the others
        return await asyncio.shield(answer)

    def _begun(self, host: str) -> asyncio.Future[Sequence[str]]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[str]] = loop.create_future()
        self._under_way[host] = answer

        def over(found: Sequence[str], error: OSError | None) -> None:
            del self._under_way[host]
            if answer.done():
                return
            if error is None:
                answer.set_result(found)
            else:
                answer.set_exception(error)
                answer.exception()  # there may be nobody left who waits for it

        def look_up() -> None:
            found: Sequence[str] = ()
            problem: OSError | None = None
            try:
                found = _looked_up(host)
            except OSError as error:
                problem = error
            except ValueError:  # a name that IDNA does not allow
                problem = socket.gaierror(socket.EAI_NONAME, "invalid host name")
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(over, found, problem)

        # a daemon, for a program that ends does not wait until a resolver gives up
        threading.Thread(target=look_up, name=f"look up {host}", daemon=True).start()
        return answer


async def connected(addresses: Sequence[str], connect: Callable[[str], Awaitable[T]]) -> T:
    """Return what `connect` returns for the first of `addresses` that answers.

    One that does not answer at once is not waited for before the next is tried. Raises what the
    first of them raised.
    """
    trying: set[asyncio.Task[T]] = set()
    errors: list[BaseException] = []
    waiting = list(addresses)
    try:
        while waiting or trying:
            if waiting:
                trying.add(asyncio.ensure_future(connect(waiting.pop(0))))
            done, trying = await asyncio.wait(
                trying,
                timeout=HEAD_START if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                if (error := task.exception()) is None:
                    return task.result()
                errors.append(error)
        raise errors[0]
    finally:
        for task in trying:
            task.cancel()
        if trying:
            await asyncio.wait(trying)


def _looked_up(host: str) -> Sequence[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
