"""CloudEvents 1.0, in each of its three modes, as events: over HTTP, and over the bus. Pure.

github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Annotated, Literal, Self
from urllib.parse import unquote

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import from_json

from bot.web.intake import Event
from bot.web.refusals import BadInput

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
_NAME = re.compile(r"[a-z0-9]+")

Filled = Annotated[str, StringConstraints(min_length=1)]


class _CloudEvent(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)

    specversion: Literal["1.0"]
    id: Filled
    source: Filled
    type: Filled
    subject: Filled | None = None
    time: AwareDatetime | None = None
    datacontenttype: Filled | None = None
    dataschema: Filled | None = None
    data: JsonValue = None
    data_base64: bytes | None = Field(default=None)

    @field_validator("data_base64", mode="before")
    @classmethod
    def _decoded(cls, value: object) -> object:
        if not isinstance(value, str):
            raise ValueError("must be a string in base64")
        try:
            return b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("must be a string in base64") from None

    @model_validator(mode="after")
    def _attributes(self) -> Self:
        for name, value in (self.model_extra or {}).items():
            if not _NAME.fullmatch(name):
                raise ValueError("the names of attributes are of a-z and 0-9 only")
            if value is not None and not isinstance(value, str | int | bool):
                raise ValueError(f"the attribute {name} must be a string, a whole number or a bool")
        if self.data is not None and self.data_base64 is not None:
            raise ValueError("there may be data or data_base64, not both")
        return self

    def event(self, sender: str, data: JsonValue | bytes) -> Event:
        """It, as we keep it."""
        extensions = {
            name: value for name, value in (self.model_extra or {}).items() if value is not None
        }
        return Event(
            id=self.id,
            source=self.source,
            type=self.type,
            sender=sender,
            time=self.time.timestamp() if self.time else None,
            subject=self.subject or "",
            data=data,
            extensions=extensions,
        )


_BATCH = TypeAdapter(list[_CloudEvent])


def events(headers: Mapping[str, str], body: bytes, *, sender: str) -> list[Event]:
    """The events in a request; the names in `headers` are in lower case. Raises BadInput."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    # in HTTP they are percent-encoded where they are not plain ASCII
    attributes = {
        name.removeprefix("ce-"): unquote(value)
        for name, value in headers.items()
        if name.startswith("ce-")
    }
    return read(kind, attributes, body, sender=sender)


def read(kind: str, attributes: Mapping[str, str], body: bytes, *, sender: str) -> list[Event]:
    """The events in a `body` of the content type `kind`; `attributes` are those that came beside
    it, in binary mode. Raises BadInput."""
    try:
        if kind == BATCH:
            several = _BATCH.validate_json(body)
        elif kind == STRUCTURED:
            several = [_CloudEvent.model_validate_json(body)]
        elif "specversion" in attributes:
            return [_binary(attributes, kind, body, sender)]
        else:
            raise BadInput(
                "content-type", f"must be {STRUCTURED} or {BATCH}, unless ce-specversion is there"
            )
    except ValidationError as error:
        raise BadInput.of(error) from None
    return [
        one.event(sender, one.data if one.data_base64 is None else one.data_base64)
        for one in several
    ]


def _binary(attributes: Mapping[str, str], kind: str, body: bytes, sender: str) -> Event:
    for name in ("data", "data_base64"):
        if name in attributes:
            raise BadInput(f"ce-{name}", "the body is the data")
    try:
        one = _CloudEvent.model_validate(attributes)
    except ValidationError as error:
        raise BadInput.of(error, whole="headers", prefix="ce-") from None
    return one.event(sender, _data(kind, body))


def _data(kind: str, body: bytes) -> JsonValue | bytes:
    if not body:
        return None
    if kind in ("", "application/json") or kind.endswith("+json"):
        try:
            value: JsonValue = from_json(body, allow_inf_nan=False)
        except ValueError as error:
            raise BadInput("body", f"must be JSON ({error})") from None
        return value
    if kind.startswith("text/"):
        try:
            return body.decode()
        except UnicodeDecodeError:
            raise BadInput("body", "must be text in UTF-8") from None
    return body
