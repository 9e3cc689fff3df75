"""The events of a job as the OpenAPI document of the API describes them. `feed.frame` renders what
is sent, lines without a model, since they are many; a test holds both together."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from bot.web.console.api.job_models import JobShown, LineShown, RunShown

_REFERENCE = "#/components/schemas/{model}"


class JobFrame(BaseModel):
    """What is new of a job: the data of an event `news` or `resync`."""

    revision: int = Field(description="the revision of the job up to which this goes")
    job: JobShown
    runs: list[RunShown] = Field(description="those that changed, as they are now")
    lines: list[LineShown] = Field(description="new lines of output, in order for each server")


class JobEnd(BaseModel):
    """The job has ended and all of it was sent: the data of an event `end`."""

    revision: int


def event_schemas() -> dict[str, Any]:
    """Return the schemas of the data of events, and of what they consist of, by name."""
    _, found = models_json_schema(
        [(JobFrame, "serialization"), (JobEnd, "serialization")], ref_template=_REFERENCE
    )
    schemas: dict[str, Any] = found["$defs"]
    return schemas


def _event(kinds: list[str], data: type[BaseModel]) -> dict[str, Any]:
    reference = {"$ref": _REFERENCE.format(model=data.__name__)}
    content = {"contentMediaType": "application/json", "contentSchema": reference}
    return {
        "type": "object",
        "properties": {
            "event": {"type": "string", "enum": kinds},
            "id": {"type": "string", "description": "where to go on: `after`, or Last-Event-ID"},
            "data": {"type": "string", **content},
        },
        "required": ["event", "id", "data"],
    }


EVENT_SCHEMA = {"oneOf": [_event(["news", "resync"], JobFrame), _event(["end"], JobEnd)]}
"""The schema of an event, which names those of `event_schemas`."""
