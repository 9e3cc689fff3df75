"""What arrives on a work queue: a request of ours or a build request of PyBit, as one job. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b

from baton.bus.channel import Envelope
from baton.bus.exchanges import work_key
from baton.bus.messages import CONTENT_TYPE, LAST_SEQUENCE, Person, Request, decode
from baton.bus.signing.header import SIGNATURE
from baton.errors import InvalidMessage
from baton.worker.pybit.build_request import BuildRequest, CancelRequest
from baton.worker.pybit.build_request import decode as decode_pybit

LOOK, SEQUENCE, SINCE = "baton-look", "baton-sequence", "baton-since"
"""The headers of a parked job: how often it was looked at, the number of its last update, and when
it began, in seconds since 1970."""
JOB, ATTEMPT = "baton-job", "baton-attempt"
"""The headers that keep the identity of a parked job whose message has none of its own."""

FAR = timedelta(days=365)
NEVER = datetime.max.replace(tzinfo=UTC)
PYBIT = Person(id="pybit", name="PyBit")

Key = tuple[str, int]

_PLAIN = re.compile(r"[A-Za-z0-9_'-]+")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A job as it arrived on the work queue `queue`, in its `look`-th look (0 is the first).

    `id` and `attempt` identify it for the journal and for claims. `request` is the request, or what
    stands for one if it came from elsewhere: then it is not `ours`, and nobody has it in a ledger.
    `sequence` is the number of the last update of earlier looks; `since` is when the first began.
    `signature` is the header that came with `body`.
    """

    id: str
    attempt: int
    look: int
    queue: str
    body: bytes
    content_type: str
    request: Request
    build: BuildRequest | None = None
    sequence: int = 0
    since: float | None = None
    signature: str = ""

    @property
    def key(self) -> Key:
        """Return what identifies it."""
        return self.id, self.attempt

    @property
    def ours(self) -> bool:
        """Return whether the bot asked for it."""
        return self.build is None

    @property
    def job(self) -> str:
        """Return the id of the job: of the bot's, or PyBit's own if it has one."""
        return self.request.job

    @property
    def claim(self) -> str:
        """Return the name of the claim to this look."""
        return claim_name(self.id, self.attempt, self.look)

    def parked(self, look: int, sequence: int, since: float) -> Incoming:
        """Return it as it is to come back."""
        return replace(self, look=look, sequence=sequence, since=since)

    def again(self, attempt: int) -> Incoming:
        """Return it as it starts anew."""
        fresh = replace(self, attempt=attempt, look=0, sequence=0, since=None)
        return replace(fresh, request=self.request.model_copy(update={"attempt": attempt}))

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that bring it back as it is."""
        signed = {SIGNATURE: self.signature} if self.signature else {}
        return {
            **signed,
            JOB: self.id,
            ATTEMPT: str(self.attempt),
            LOOK: str(self.look),
            SEQUENCE: str(self.sequence),
            SINCE: str(self.since or 0.0),
        }

    def envelope(self) -> Envelope:
        """Return the message that brings it back."""
        return Envelope(
            body=self.body,
            id=self.claim,  # plain, and short enough for AMQP, whatever a stranger called it
            type=Request.type if self.ours else "",
            correlation=self.job if self.ours else "",
            headers=self.headers,
            content_type=self.content_type,
        )


def claim_name(id: str, attempt: int, look: int) -> str:
    """Return the name of the claim to one look of a job."""
    # an id of others' may be longer than the name of a queue, or a pattern as a key
    plain = len(id) <= 100 and _PLAIN.fullmatch(id)
    name = id if plain else blake2b(id.encode(), digest_size=20).hexdigest()
    return f"{name}.{attempt}.{look}" if look else f"{name}.{attempt}"


def read(envelope: Envelope, queue: str, runner: str, environment: str) -> Incoming:
    """Return the job that arrived on `queue`, which `runner` does. Raises InvalidMessage."""
    return read_parts(
        envelope.body,
        envelope.content_type,
        envelope.headers,
        _identity(envelope),
        queue,
        runner,
        environment,
    )


def read_parts(
    body: bytes,
    content_type: str,
    headers: Mapping[str, str],
    identity: str,
    queue: str,
    runner: str,
    environment: str,
) -> Incoming:
    """Return the same from the parts of a message; `identity` is used if it names none itself."""
    look = _number(headers.get(LOOK), 0)
    sequence = _number(headers.get(SEQUENCE), 0)
    since = _number(headers.get(SINCE, "").partition(".")[0], 0, 9_999_999_999) or None
    if content_type == CONTENT_TYPE or b'"specversion"' in body[:200]:
        message = decode(body)
        if not isinstance(message, Request):
            raise InvalidMessage(reason=f"a worker does not use {message.type} on a work queue")
        request, build, id = message, None, message.id
        attempt = message.attempt  # not that of a header, which nobody has signed
    else:
        build = build_of(body)
        id = (headers.get(JOB, "")[:200] if look else "") or identity
        if build.pushed:  # of what is signed: of headers nobody has signed, a copy has others
            id = f"p{blake2b(body, digest_size=10).hexdigest()}"
        attempt = max(_number(headers.get(ATTEMPT), 1), 1) if look else 1
        request = stand_in(id, attempt, build, queue, runner, environment)
    signature = headers.get(SIGNATURE, "")
    return Incoming(
        id, attempt, look, queue, body, content_type, request, build, sequence, since, signature
    )


def build_of(body: bytes) -> BuildRequest:
    """Return PyBit's build request in `body`. Raises InvalidMessage."""
    found = decode_pybit(body)
    if isinstance(found, CancelRequest):
        raise InvalidMessage(
            reason="it is an order to cancel: those go to the queue that `[pybit] cancels` names"
        )
    return found


def stand_in(
    id: str, attempt: int, build: BuildRequest, queue: str, runner: str, environment: str
) -> Request:
    """Return what stands for the request of a job that was not asked here, in logs and reports."""
    job = str(build.get_job_id() or id)
    own = {"id": id, "time": datetime.now(UTC), "job": job, "attempt": attempt}
    return _stand_in(queue, runner, environment).model_copy(update=own)


@lru_cache(256)
def _stand_in(queue: str, runner: str, environment: str) -> Request:
    # all of it is our own, or was checked when it was read
    return Request.model_construct(
        source="",
        job="",
        command=runner,
        environment=environment,
        host=work_key(queue),
        deadline=NEVER,
        timeout=FAR.total_seconds(),
        requester=PYBIT,
    )


def _identity(envelope: Envelope) -> str:
    """Return the identity of a message that names none: of its bytes, and of what its sender wrote
    beside them. RabbitMQ delivers it again with the same ones."""
    found = blake2b(envelope.body, digest_size=10)
    found.update(f"\0{envelope.id}\0{envelope.timestamp}\0{envelope.correlation}".encode())
    return f"x{found.hexdigest()}"


def _number(text: str | None, default: int, most: int = LAST_SEQUENCE) -> int:
    """Return the number in `text`, of at most ten digits, if it is not greater than `most`."""
    if not text or not text.isascii() or not text.isdigit() or len(text) > 10:
        return default
    return int(text) if int(text) <= most else default
