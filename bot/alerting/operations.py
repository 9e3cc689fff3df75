"""What people want of alerts, as values that the database keeps until the bot that leads has done
it: whoever answers the person need not lead. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from alerts import AlertContent, Changes, Engine, Matchers, Notification, replay
from alerts.observation import Observation


class _Operation(BaseModel):
    """`by` is how the one who asks is called, `at` when they did (steady seconds)."""

    model_config = ConfigDict(frozen=True)

    by: str
    at: float


class Acknowledge(_Operation):
    """Take on what `what` names: a group (KEY/NUMBER), or the beginnings of fingerprints, with
    spaces between them."""

    kind: Literal["acknowledge"] = "acknowledge"
    what: str


class CreateSilence(_Operation):
    """Do not tell what `matchers` mean, for so many `seconds`. `key` names what was typed or
    pressed, which may come twice."""

    kind: Literal["silence"] = "silence"
    matchers: str
    seconds: float
    reason: str
    key: str = ""


class ExpireSilence(_Operation):
    """End the silence of that `id`."""

    kind: Literal["unsilence"] = "unsilence"
    id: str


class ForgetAlert(_Operation):
    """Watch this no more: what fires of it ends."""

    kind: Literal["forget"] = "forget"
    fingerprint: str


class SendTestNotification(_Operation):
    """Say something in `channel`, to see that it can be done; `key` names the post."""

    kind: Literal["test"] = "test"
    channel: str
    key: str


class RecordObservations(_Operation):
    """What somebody has told us was seen, in `lines`, as recordings have it."""

    kind: Literal["seen"] = "seen"
    lines: tuple[str, ...]

    def readable(self) -> tuple[list[Observation], list[str]]:
        """What was seen, in the order of time, and what is wrong with lines that cannot be read."""
        return replay.parse_lines(self.lines)


Operation = Acknowledge | CreateSilence | ExpireSilence | ForgetAlert | SendTestNotification
StoredOperation = Operation | RecordObservations
_ANY: TypeAdapter[StoredOperation] = TypeAdapter(
    Annotated[StoredOperation, Field(discriminator="kind")]
)


def record_observations(observations: Sequence[Observation], at: float) -> RecordObservations:
    """The ask to take note of these."""
    return RecordObservations(by="", at=at, lines=tuple(replay.dump_lines(observations)))


def parse_operation(data: object) -> StoredOperation:
    """The ask that was written down. Raises pydantic's ValidationError."""
    return _ANY.validate_python(data)


def apply(engine: Engine, ask: Operation) -> Changes:
    """Do it; what to write down beyond what the engine will say. Raises UsageError if it cannot be
    done any more."""
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
            f"{ask.by} tries whether alerts can be told here: they can", "resolved"
        )
        test = Notification(f"test/{ask.key}", ask.channel, content, closing=True)
        return Changes(notifications={test.key: test})
    return Changes()
