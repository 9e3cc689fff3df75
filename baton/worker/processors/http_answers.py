"""What the services of `http!` answer, as values. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from baton.bus.bounds import at_most
from baton.errors import Failed
from baton.fields import meaning
from baton.process.output_lines import OutputLines, Secrets
from baton.text.printable import printable
from baton.worker.processors.protocol import Output
from baton.worker.work import Result

MAX_ANSWER = 1_000_000
"""Bytes of an answer that is read as a whole, and of one event of a stream."""


class _Done(BaseModel):
    """What a service says of a job that is done."""

    model_config = ConfigDict(extra="ignore")

    text: str = ""
    artifacts: Annotated[tuple[str, ...], at_most(1_000)] = ()
    log: str = ""


class Progress(BaseModel):
    """What a service says of a job that goes on."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    text: Annotated[str, Field(max_length=8_000)] = ""
    percent: Annotated[int | None, Field(ge=0, le=100)] = None


@dataclass(frozen=True, slots=True)
class Streamed:
    """How a stream ended: well unless it says why it failed, what it waits for, or that it broke
    off."""

    result: Result = field(default_factory=Result)
    failed: str = ""
    blocked: str = ""
    broke_off: str = ""


def result_of(body: bytes, output: Output, secrets: Secrets) -> Result:
    """Return what the answer of a job that is done says. Raises Failed if it cannot be read."""
    try:
        done = _Done.model_validate(from_json(body))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = printable(".".join(str(part)[:64] for part in first["loc"]))
        what = meaning(first) or first["msg"]
        raise Failed(
            f"the service did the job, but its answer is not valid: {where}: {what}"
        ) from (None)
    except ValueError:
        raise Failed("the service did the job, but its answer is no JSON") from None
    if done.log:
        lines = OutputLines(secrets)
        output.log("\n".join([*lines.feed(done.log.encode("utf-8", "replace")), *lines.finish()]))
    return Result(done.artifacts, secrets.mask(done.text))


def progress_of(body: bytes) -> Progress:
    """Return what is said of a job that goes on; nothing if that cannot be read."""
    try:
        return Progress.model_validate(from_json(body))
    except ValueError:
        return Progress()


def reason_of(body: bytes) -> str:
    """Return why a service refuses, as it says it: a field of JSON, or the first line of a text."""
    try:
        said = from_json(body)
    except ValueError:
        text = printable(body[:4_000].decode("utf-8", "replace"), lines=True).strip()
        return "" if text.startswith("<") else text.partition("\n")[0][:300]
    if isinstance(said, dict):
        for name in ("text", "reason", "detail", "error", "title", "message"):
            if isinstance(value := said.get(name), str) and value.strip():
                return printable(value)[:300].strip()
    return printable(said)[:300].strip() if isinstance(said, str) else ""


class Stream:
    """A stream is the output of a job that ends when the job does: lines, or server-sent events.

    Of those, `progress` says how far it is, and `done`, `failed` or `blocked` how it ended: without
    one of them it broke off. All others are output.
    """

    def __init__(self, output: Output, secrets: Secrets, *, events: bool) -> None:
        self._output = output
        self._secrets = secrets
        self._events = events
        self._lines = OutputLines(secrets)
        self._rest = b""
        self._name = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, data: bytes) -> Streamed | None:
        """Take what has come; return how the job ended, once it says so. Raises Failed if an event
        is too large."""
        if not self._events:
            self._log(data)
            return None
        *whole, self._rest = (self._rest + data).split(b"\n")
        self._size += len(data)
        for line in whole:
            ended = self._line(line.rstrip(b"\r").decode("utf-8", "replace"))
            if ended is not None:
                return ended
        if self._size > MAX_ANSWER:
            raise Failed(f"the service sent an event of more than {MAX_ANSWER:,} bytes")
        return None

    def close(self) -> Streamed:
        """Return how a stream reads that has ended."""
        if rest := self._lines.finish():
            self._output.log("\n".join(rest))
        if self._events:
            return Streamed(broke_off="the stream ended before it said how the job did")
        return Streamed(Result(text=self._lines.last))

    def _line(self, line: str) -> Streamed | None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)
        if line:
            return None
        named, data = self._name, "\n".join(self._data)
        self._name, self._data, self._size = "", [], len(self._rest)
        return self._event(named, data) if named or data else None

    def _event(self, name: str, data: str) -> Streamed | None:
        if name == "done":
            body = data.encode()
            return Streamed(result_of(body, self._output, self._secrets) if body else Result())
        if name in ("failed", "blocked"):
            reason = self._secrets.mask(reason_of(data.encode())) or "the service gave no reason"
            return Streamed(failed=reason) if name == "failed" else Streamed(blocked=reason)
        if name == "progress":
            now = progress_of(data.encode())
            self._output.info(self._secrets.mask(now.text), percent=now.percent)
        else:
            self._log(data.encode() + b"\n")
        return None

    def _log(self, data: bytes) -> None:
        if lines := self._lines.feed(data):
            self._output.log("\n".join(lines))
