"""What a worker would do with what waits in its queues: looked at, never acknowledged."""

from __future__ import annotations

from collections.abc import AsyncIterator

from baton.bus.channel import Channel, Delivery
from baton.bus.exchanges import Queue, foreign_queue
from baton.errors import InvalidMessage, Refused
from baton.text.printable import printable
from baton.worker.processors.placeholders import Template
from baton.worker.processors.requests import values_of
from baton.worker.pybit.build_request import BuildRequest, CancelRequest, decode
from baton.worker.settings import RunnerSettings, WorkerSettings
from baton.worker.work import Work


async def dry_run(channel: Channel, settings: WorkerSettings, most: int) -> AsyncIterator[str]:
    """Yield a line for each queue, and for each of at most `most` messages in it what the worker
    would do. The messages go back to their queue in their order.

    Raises Disconnected.
    """
    for name, table in settings.queues.items():
        queue = foreign_queue(name)  # every queue of an INI is one
        waiting = await channel.depth(queue)
        if waiting is None:
            yield f"{name}: there is no such queue: the worker would make it"
            continue
        yield f"{name}: {waiting} waiting"
        for message in await _look(channel, queue, min(waiting, most)):
            yield f"  {printable(would_do(message, name, table.runner, settings))}"


async def _look(channel: Channel, queue: Queue, most: int) -> list[bytes]:
    held: list[Delivery] = []
    try:
        held += await channel.get(queue, most)
        return [delivery.envelope.body for delivery in held]
    finally:
        for delivery in reversed(held):
            await delivery.reject(requeue=True)


def would_do(body: bytes, queue: str, runner: str, settings: WorkerSettings) -> str:
    """Return what a worker with `settings` would do with a message, in words. Pure."""
    try:
        message = decode(body)
        if isinstance(message, CancelRequest):
            return f"job {message.job_id} -> cancelled"
    except InvalidMessage as error:
        return f"a message that no runner gets, but the dead letters: {error}"
    job = f"job {message.get_job_id()}, {message.get_package()} {message.get_version()}"
    try:
        return f"{job} -> {runner}: {_command(message, queue, runner, settings.runner[runner])}"
    except Refused as error:
        return f"{job} -> {runner} refuses it: {error}"


def _command(build: BuildRequest, queue: str, name: str, runner: RunnerSettings) -> str:
    """Return what would be run. Raises Refused if it cannot be said for this request."""
    if runner.processor != "shell":
        return runner.runner
    work = Work(str(build.get_job_id()), 1, queue, name, build=build)
    try:
        template = Template.parse(runner.target, runner.args)
    except ValueError as error:
        return f"{runner.runner} cannot be run: it must be {error}"
    return repr(list(template.filled(values_of(work))))
