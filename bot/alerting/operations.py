"""Operations on alerts, as values that are stored until the bot that leads has applied them: the
bot that answers a person need not lead. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from alerts import AlertContent, Changes, Engine, Matchers, Notification, replay
from alerts.observation import Observation


class _Operation(BaseModel):
    """`by` is the name of the person, `at` when they asked (steady seconds)."""

    model_config = ConfigDict(frozen=True)

    by: str
    at: float


class Acknowledge(_Operation):
    """Acknowledge what `what` names: a group (KEY/NUMBER), or the first digits of fingerprints,
    separated by spaces."""

    kind: Literal["acknowledge"] = "acknowledge"
    what: str


class CreateSilence(_Operation):
    """Silence what `matchers` match, for so many `seconds`. `key` names what was typed or pressed:
    the same may come twice."""

    kind: Literal["silence"] = "silence"
    matchers: str
    seconds: float
    reason: str
    key: str = ""


class ExpireSilence(_Operation):
    """Expire the silence `id`."""

    kind: Literal["unsilence"] = "unsilence"
    id: str


class ForgetAlert(_Operation):
    """Drop the check of this fingerprint: what fires of it ends."""

    kind: Literal["forget"] = "forget"
    fingerprint: str


class SendTestNotification(_Operation):
    """Post a test notification in `channel`; `key` names the post."""

    kind: Literal["test"] = "test"
    channel: str
    key: str


class RecordObservations(_Operation):
    """Record observations that came from outside, in `lines`, in the format of recordings."""

    kind: Literal["seen"] = "seen"
    lines: tuple[str, ...]

    def readable(self) -> tuple[list[Observation], list[str]]:
        """Return the observations in the order of time, and what is wrong with each unreadable
        line."""
        return replay.parse_lines(self.lines)


Operation = Acknowledge | CreateSilence | ExpireSilence | ForgetAlert | SendTestNotification
StoredOperation = Operation | RecordObservations
_ANY: TypeAdapter[StoredOperation] = TypeAdapter(
    Annotated[StoredOperation, Field(discriminator="kind")]
)


def record_observations(observations: Sequence[Observation], at: float) -> RecordObservations:
    """Return the operation that records these."""
    return RecordObservations(by="", at=at, lines=tuple(replay.dump_lines(observations)))


def parse_operation(data: object) -> StoredOperation:
    """Return the operation that was stored. Raises pydantic's ValidationError."""
    return _ANY.validate_python(data)


def apply(engine: Engine, ask: Operation) -> Changes:
    """Apply `ask`; return what is to be written beside what the engine will say. Raises UsageError
    if it cannot be applied any more."""
    if isinstance(ask, Acknowledge):
        for what in ask.what.split():
            engine.acknowledge(what, ask.by, ask.at)
    elif isinstance(ask, CreateSilence):
        meant = Matchers.parse(ask.matchers)
        engine.silence(meant, ask.seconds, ask.by, ask.reason, ask.at, ask.key)
    elif isinstance(ask, ExpireSilence):
        engine.unsilence(ask.id, ask.at)
    elif isinstance(ask, ForgetAlert):
        engine.forget(ask.fingerprint, ask.at, f"forgotten by {ask.by}")
    else:
        content = AlertContent(
            f"{ask.by} sent a test notification: alerts can be posted here", "resolved"
        )
        test = Notification(f"test/{ask.key}", ask.channel, content, closing=True)
        return Changes(notifications={test.key: test})
    return Changes()
