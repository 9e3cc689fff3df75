"""The wire contract: the messages on the bus, and how they are written.

A message is a CloudEvents 1.0 event in structured JSON mode. The attributes of the envelope are
`id`, `source`, `time` and `type`; all other fields of a model are in `data`. Receivers ignore
unknown fields, so that a newer sender can talk to an older receiver.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from itertools import product
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json, to_json

from baton.bus.bounds import (
    MAX_MESSAGE,
    Arguments,
    Attempt,
    Details,
    Id,
    Interval,
    Line,
    Moment,
    Seconds,
    Text,
    at_most,
)
from baton.bus.facts import Facts
from baton.bus.plans import Plan, SurveyFacts
from baton.bus.signing.approval import Approvals
from baton.errors import InvalidMessage, UnknownType
from baton.fields import Address, Host, Name, meaning
from baton.text.printable import printable

CONTENT_TYPE = "application/cloudevents+json"
ENVELOPE = ("id", "source", "time")


def now() -> datetime:
    """Return the time of the wall clock, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return a new unique ID: 80 random bits, in base 32 without look-alikes."""
    bits = int.from_bytes(os.urandom(10))
    return "".join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])


_PAIRS = ["".join(pair) for pair in product("0123456789abcdefghjkmnpqrstvwxyz", repeat=2)]
_SHIFTS = range(70, -1, -10)


class State(StrEnum):
    """The state of a run. A run ends in exactly one of the final states.

    `held` is before everything else: it waits for people, and nothing was sent.
    """

    HELD = "held"
    QUEUED = "queued"
    SENT = "sent"
    ACCEPTED = "accepted"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNROUTABLE = "unroutable"
    BLOCKED = "blocked"
    INTERRUPTED = "interrupted"
    LOST = "lost"

    @property
    def final(self) -> bool:
        """Whether this state is final: no other follows it."""
        return self not in _OPEN


_OPEN = frozenset({State.HELD, State.QUEUED, State.SENT, State.ACCEPTED, State.RUNNING})

LAST_SEQUENCE = 2**31 - 1
"""The sequence of a final update whose sender does not know how many came before it."""

ENDS_WITHIN = "ends_within"
"""The fact in a run's first update with the seconds that its server allows it, if they differ from
those of the request."""

WORKER = "worker"
"""The fact in the updates of a job of a work queue that names the worker that has it."""

NEXT_LOOK = "next_look"
"""The fact in the update of a job that waits for something: the seconds until a worker looks at it
again. An update without it says that the job does not wait any more."""

Level = Literal["info", "success", "error", "log"]

Standing = Literal["member", "guest", "outside"]
"""The standing of a person: of our workspace, a guest in it, or of another organisation."""


class Person(BaseModel):
    """The person who asked: an ID and a standing that the front end vouches for, and a name to
    show."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, Field(max_length=256)]
    name: Line = ""
    standing: Standing = "member"

    @property
    def label(self) -> str:
        """What people call them: their name, or their id if they have none."""
        return self.name or self.id


class Message(BaseModel):
    """The base of all messages: the attributes of a CloudEvents envelope."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str]

    id: Id = Field(default_factory=new_id)
    source: Line = Field(default_factory=socket.gethostname)
    time: Moment = Field(default_factory=now)

    @property
    def correlation(self) -> str:
        """The job that this message belongs to; empty if there is none."""
        return ""


class _JobMessage(Message):
    job: Id

    @property
    def correlation(self) -> str:
        return self.job


class Request(_JobMessage):
    """A command for one server (`host`), or for all that a broadcast reaches (no host).

    An agent starts each (`id`, `attempt`) at most once, and refuses it after `deadline`. The run
    may take `timeout` seconds. `fence` is the number of the last lock of what it is for: an agent
    that has seen a higher one refuses it.
    """

    type: ClassVar[str] = "baton.request"

    command: Name
    arguments: Arguments = Field(default_factory=dict)
    environment: Name
    host: Host | None = None
    attempt: Attempt = 1
    deadline: Moment
    timeout: Seconds = 900.0
    requester: Person
    plan: Plan | None = None
    """What people have approved, if they were asked: the agent does that, or refuses."""
    fence: int | None = Field(default=None, ge=1, le=2**53)
    approvals: Approvals = ()
    """The signatures of people over the digest of the plan, for servers that count them."""


class Cancel(_JobMessage):
    """The order to stop the run of `request` on `host`, or not to start it."""

    type: ClassVar[str] = "baton.cancel"

    request: Id
    attempt: Attempt = 1
    host: Host
    requester: Person


class Update(_JobMessage):
    """A report of a server about a request. `sequence` counts from 1 within a run; only
    LAST_SEQUENCE, and raw output that was dropped in a long outage, leave a gap.

    `level` is the kind of `text`; `log` is raw output of one or several lines. `percent` is from 0
    to 100. `facts` are values for programs about the outcome.
    """

    type: ClassVar[str] = "baton.update"

    request: Id
    attempt: Attempt = 1
    host: Host
    environment: Name
    command: Name
    sequence: int = Field(ge=1, le=LAST_SEQUENCE)
    state: State
    level: Level = "info"
    text: Text = ""
    step: Line = ""
    percent: int | None = Field(default=None, ge=0, le=100)
    facts: Details = Field(default_factory=dict)


class Pong(_JobMessage):
    """The answer of an agent to a ping."""

    type: ClassVar[str] = "baton.pong"

    request: Id
    attempt: Attempt = 1
    facts: Facts


class Heartbeat(Message):
    """A sign that an agent runs; the next one follows after about `interval` seconds."""

    type: ClassVar[str] = "baton.heartbeat"

    facts: Facts
    interval: Interval
    leaving: bool = False


class Discover(Message):
    """The order to every agent to send a heartbeat now, since a bot has started and needs to know
    which servers there are."""

    type: ClassVar[str] = "baton.discover"


class Look(BaseModel):
    """The target of a probe: an address over HTTP(S) (`url`), HOST:PORT over TCP (`tcp`), or a
    check in the agent's own settings (`check`).

    It is healthy if it answers within `timeout` seconds; over HTTP with one of `status`, with
    `body` in the answer, within `latency` seconds, and with a certificate valid for `tls_days`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    url: str = Field(default="", max_length=2_048, pattern=r"^(https?://\S+)?$")
    tcp: Address | Literal[""] = ""
    check: str = Field(default="", max_length=64)
    timeout: float = Field(default=10.0, gt=0, le=3600, allow_inf_nan=False)
    status: Annotated[tuple[int, ...], at_most(100)] = (200,)
    body: str = Field(default="", max_length=4_096)
    latency: float | None = Field(default=None, gt=0, le=3600, allow_inf_nan=False)
    tls_days: int = Field(default=14, ge=0, le=36_500)


class Probe(Message):
    """The order to one agent to probe a target now. It is not a request: it cannot be asked in chat
    and is in no ledger or journal. After `deadline` its result is not used."""

    type: ClassVar[str] = "baton.probe"

    host: Host
    look: Look
    deadline: Moment


class Probed(Message):
    """The result of the probe with the ID `probe`: whether the target is `bad`, with a text.

    `looked` is False if the probe could not look at its target: then its state is unknown.
    """

    type: ClassVar[str] = "baton.probed"

    probe: Id
    host: Host
    environment: Name
    bad: bool
    text: Text = ""
    looked: bool = True


class Survey(_JobMessage):
    """The question to one agent what a command would do on its server. It changes nothing, and is
    in no ledger or journal. After `deadline` its answer is not used."""

    type: ClassVar[str] = "baton.survey"

    host: Host
    environment: Name
    command: Name
    arguments: Arguments = Field(default_factory=dict)
    deadline: Moment


class Surveyed(Message):
    """The answer to the survey with the ID `survey`."""

    type: ClassVar[str] = "baton.surveyed"

    survey: Id
    host: Host
    environment: Name
    facts: SurveyFacts


TYPES: Mapping[str, type[Message]] = {
    kind.type: kind
    for kind in (
        *(Request, Cancel, Discover, Probe, Survey),
        *(Update, Pong, Heartbeat, Probed, Surveyed),
    )
}


def encode(message: Message) -> bytes:
    """Return the message as it is sent: CloudEvents 1.0, structured mode, JSON."""
    data = message.model_dump(mode="json")
    head = {name: data.pop(name) for name in ENVELOPE}
    return to_json({"specversion": "1.0", "type": message.type, **head, "data": data})


def decode(body: bytes, *, most: int = MAX_MESSAGE) -> Message:
    """Return the message in `body`, of at most `most` bytes.

    Raises InvalidMessage if it is not CloudEvents 1.0 JSON, is too large or has an invalid field,
    and UnknownType if its type is not one of TYPES; nothing else, whatever the bytes are.
    """
    if len(body) > most:
        raise InvalidMessage(reason=f"it has {len(body)} bytes; at most {most} are read")
    try:
        event = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidMessage(reason=f"it is not JSON ({error})") from None
    if not isinstance(event, dict) or event.get("specversion") != "1.0":
        raise InvalidMessage(reason="it is not a CloudEvents 1.0 event in structured mode")
    named = event.get("type")
    kind = TYPES.get(named) if isinstance(named, str) else None
    if kind is None:
        said = repr(named[:100]) if isinstance(named, str) else "no text"
        raise UnknownType(type=said)
    return _validated(kind, event)


def _validated(kind: type[Message], event: dict[str, Any]) -> Message:
    data = event.get("data")
    if not isinstance(data, dict):
        raise InvalidMessage(reason=f"a {kind.type} has an object in its field data")
    fields = {**data, **{name: event[name] for name in ENVELOPE if name in event}}
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = printable(".".join(str(part)[:64] for part in first["loc"][:6]))
        must = meaning(first) or first["msg"]
        raise InvalidMessage(reason=f"{kind.type}: {where}: {must}") from None
