"""The request and the result as pydantic models, written as somebody without Baton would."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

INBOX, OUTBOX = "bench.in", "bench.out"
PREFETCH = 200


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Person(Frozen):
    id: str
    name: str = ""


class RequestData(Frozen):
    job: str
    command: str
    arguments: dict[str, Any]
    environment: str
    host: str | None = None
    attempt: int = Field(default=1, ge=1)
    deadline: AwareDatetime
    timeout: float = Field(gt=0)
    requester: Person


class Event(Frozen):
    specversion: Literal["1.0"] = "1.0"
    type: str
    id: str
    source: str
    time: AwareDatetime


class Request(Event):
    data: RequestData


class ResultData(Frozen):
    job: str
    request: str
    attempt: int
    host: str
    environment: str
    command: str
    sequence: int = Field(default=1, ge=1)
    state: str = "succeeded"
    level: str = "success"
    text: str = ""
    step: str = ""
    percent: int | None = Field(default=100, ge=0, le=100)
    facts: dict[str, Any] = Field(default_factory=dict)


class Result(Event):
    data: ResultData


def work(request: Request) -> Result:
    """The result of `request`: what Baton's agent says of it, field by field."""
    asked = request.data
    data = ResultData(
        job=asked.job,
        request=request.id,
        attempt=asked.attempt,
        host=asked.host or "",
        environment=asked.environment,
        command=asked.command,
        text="done",
    )
    return Result(
        type="baton.update",
        id=uuid.uuid4().hex,
        source=asked.host or "",
        time=datetime.now(UTC),
        data=data,
    )
