"""Puts a build request on a work queue, as rbit's `rpush` had PyBit do."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import TypeAdapter, ValidationError

from baton.agent.trust.trust import PUSH
from baton.bus.bounds import QueueName
from baton.bus.channel import Channel, Envelope
from baton.bus.exchanges import INPUT, work_key
from baton.bus.messages import new_id, now
from baton.bus.signing.signer import UNSIGNED, Signer
from baton.errors import BatonError, Unroutable, UsageError
from baton.text.printable import printable
from baton.text.words import shortened
from baton.worker.pybit.build_request import encode

_LONGEST = 2_000
"""Characters of a field, at most."""


class NoSuchQueue(BatonError):
    """Nothing was pushed: no worker has ever had a queue {queue} here. Its worker.toml must name it
    in [queues], and the worker must have been started once; an old rbit reads no such messages."""

    permanent = True


async def push(
    channel: Channel, queue: str, fields: Mapping[str, str], signer: Signer = UNSIGNED
) -> str:
    """Put a build request of `fields`, as `encode` calls them, on the work queue `queue`; `signer`
    signs it, for that queue and as of now.

    Returns the id of the job. Raises NoSuchQueue if no worker takes from it, UsageError for a field
    that cannot be sent, and what Channel.publish raises.
    """
    try:
        TypeAdapter(QueueName).validate_python(queue)
    except ValidationError:
        raise UsageError(f"QUEUE: {shortened(printable(queue))} is no name of a queue.") from None
    for name, value in fields.items():
        if len(value) > _LONGEST or printable(value) != value:
            problem = f"{name.upper()}: {shortened(printable(value))} cannot be sent:"
            raise UsageError(f"{problem} at most {_LONGEST} visible characters.", field=name)
    job = new_id()
    pushed = {"queue": queue, "at": now().isoformat(timespec="seconds")}
    body = encode({**fields, "id": job, "pushed": pushed})
    headers = signer.headers(PUSH, body)
    envelope = Envelope(body=body, id=job, content_type="application/json", headers=headers)
    try:
        await channel.publish(INPUT, work_key(queue), envelope, mandatory=True)
    except Unroutable:
        raise NoSuchQueue(queue=queue) from None
    return job
