"""Calls a callable of Python in the worker itself: one that is awaited, or by choice in a
thread."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from pydantic import JsonValue
from typing_extensions import override

from baton.errors import Failed
from baton.process.output_lines import Secrets
from baton.timing.waiting import wait_at_most
from baton.worker.processors import child
from baton.worker.processors.prints import printing
from baton.worker.processors.protocol import Output, Processor
from baton.worker.processors.requests import build_of
from baton.worker.work import Result, Work

log = structlog.get_logger(__name__)

OUTLASTS = 10.0
"""Seconds for which the end of a thread is awaited whose job was stopped."""


class NativeProcessor(Processor):
    """Calls `function` in this process; `how` says how its settings are given (child.py)."""

    def __init__(
        self,
        function: Callable[..., Any],
        how: str,
        settings: Mapping[str, JsonValue],
        secrets: Secrets,
        *,
        thread: bool = False,
    ) -> None:
        self._function = function
        self._how = how
        self._settings = settings
        self._secrets = secrets
        self._thread = thread

    @override
    async def run(self, work: Work, output: Output) -> Result:
        loop = asyncio.get_running_loop()
        # each job has settings of its own, as it has in an interpreter of its own
        words = self._how, build_of(work), dict(self._settings)

        def tell(text: str) -> None:
            if self._thread:
                loop.call_soon_threadsafe(output.log, text)
            else:
                output.log(text)

        with printing(tell, self._secrets):
            if self._thread:
                returned = await self._in_thread(lambda: child.call(self._function, *words))
            else:
                returned = await child.call(self._function, *words)
        try:
            return Result(tuple(child.paths_of(returned)))
        except TypeError as error:
            raise Failed(str(error)) from None

    async def _in_thread(self, call: Callable[[], Any]) -> Any:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        context = contextvars.copy_context()

        def settle(error: BaseException | None, returned: object) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(returned)
            else:
                done.set_exception(error)

        def work() -> None:
            error: BaseException | None = None
            returned = None
            try:
                returned = context.run(call)
            except StopIteration as raised:  # a future does not take it
                error = RuntimeError(child.said_by(raised))
            except BaseException as raised:
                error = raised
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, error, returned)

        # not one of a pool: a worker that stops does not wait for it
        threading.Thread(target=work, name=f"runner {self._function!r}", daemon=True).start()
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            if not await wait_at_most(OUTLASTS, asyncio.wait([done])):
                log.warning(
                    "the thread of a runner goes on though its job was stopped: only the end of"
                    " the worker ends it",
                    callable=repr(self._function),
                )
            raise
