"""PyBit's build requests, and its orders to cancel one, as objects that can only be read. Pure."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue
from pydantic_core import to_json

from baton.errors import InvalidMessage
from baton.text.printable import printable
from baton.worker.pybit.graph import Thing, Value, class_of, fields_of, kind_of, plain, read

_JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_CLASSES = "pybit.models."


class BuildRequest:
    """A build request of PyBit: what to build, of what, for what.

    Its fields are those of the message: `.job.packageinstance.package.name`, `.transport.uri`,
    `.web_host`. A getter whose value is missing returns None, and so do the fields that a version
    of PyBit may leave out.
    """

    __slots__ = ("_stamp", "_thing")

    def __init__(self, thing: Thing) -> None:
        self._thing = thing
        self._stamp = _plain_in(thing, "timestamp")

    def __getattr__(self, name: str) -> Value:
        if name in ("job", "transport", "web_host", "commands"):
            return _in(self._thing, name)
        return getattr(self._thing, name)

    @property
    def pushed(self) -> Mapping[str, JsonValue]:
        """Return on which queue `baton push` put it, and when; empty for PyBit's own."""
        found = _plain_in(self._thing, "pushed")
        return found if isinstance(found, Mapping) else {}

    @property
    def timestamp(self) -> JsonValue:
        """Return when it was stamped, in seconds since 1970."""
        return self._stamp

    def get_job_id(self) -> JsonValue:
        """Return the id of the job at PyBit, a number as a rule."""
        return _plain_in(self._thing, "job", "id")

    def get_package(self) -> JsonValue:
        """Return the name of the package."""
        return self._of_instance("package", "name")

    def get_version(self) -> JsonValue:
        """Return the version of the package."""
        return self._of_instance("package", "version")

    def get_arch(self) -> JsonValue:
        """Return the name of the architecture, or of the platform."""
        return self._of_instance("arch", "name")

    def get_suite(self) -> JsonValue:
        """Return the name of the suite."""
        return self._of_instance("suite", "name")

    def get_dist(self) -> JsonValue:
        """Return the name of the distribution."""
        return self._of_instance("distribution", "name")

    def get_format(self) -> JsonValue:
        """Return the name of the format."""
        return self._of_instance("format", "name")

    def get_buildenv(self) -> JsonValue:
        """Return the name of the build environment."""
        return self._of_instance("build_env", "name")

    def stamp_request(self) -> JsonValue:
        """Stamp it with the time of now, as rbit did before it called a runner; return that."""
        self._stamp = int(time.time())
        return self._stamp

    def get_buildstamp(self) -> JsonValue:
        """Return when it was stamped, in seconds since 1970; None if it never was."""
        return self._stamp

    def plain(self) -> dict[str, JsonValue]:
        """Return all that it holds as plain JSON, without `py/object` and `py/id`."""
        return {**_plain_fields(self._thing), "timestamp": self._stamp}

    def _of_instance(self, *names: str) -> JsonValue:
        return _plain_in(self._thing, "job", "packageinstance", *names)


class CancelRequest:
    """PyBit's order to cancel a job."""

    __slots__ = ("job_id",)

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id


def decode(body: bytes) -> BuildRequest | CancelRequest:
    """Return the message of PyBit in `body`.

    Raises InvalidMessage if it is another one, names no job, or is not what jsonpickle writes.
    """
    value = read(body)
    kind = kind_of(value)
    if kind not in ("BuildRequest", "CancelRequest"):
        found = printable(class_of(value)) if isinstance(value, Thing) else "no object"
        raise InvalidMessage(
            reason=f"it is {found}; PyBit's BuildRequest and CancelRequest are taken"
        )
    job_id = job_id_of(_plain_in(value, "job", "id"))
    return BuildRequest(value) if kind == "BuildRequest" else CancelRequest(job_id)


def job_id_of(given: JsonValue) -> str:
    """Return the id of a job as a text. Raises InvalidMessage if it is none."""
    whole = isinstance(given, int) and not isinstance(given, bool)
    text = str(given) if whole or isinstance(given, str) else ""
    if not _JOB_ID.fullmatch(text):
        raise InvalidMessage(reason="job.id is no id of a job: a number, or letters and digits")
    return text


def encode(fields: Mapping[str, Any]) -> bytes:
    """Return a build request as PyBit would write it.

    `fields` are `id`, `web_host`, `package`, `version`, `uri`, `method`, `arch`, `suite`, `dist`,
    `format`, `build_env` and `commands`; what is missing is None. `pushed` says on which queue it
    is put, and when, which PyBit does not say.
    """
    tree = _tree(fields)
    return to_json({**tree, "pushed": fields["pushed"]} if "pushed" in fields else tree)


def _tree(fields: Mapping[str, Any]) -> dict[str, Any]:
    def made(kind: str, **values: Any) -> dict[str, Any]:
        return {"py/object": _CLASSES + kind, **values}

    def named(kind: str, field: str) -> dict[str, Any] | None:
        name = fields.get(field)
        return None if name is None else made(kind, id=None, name=name)

    instance = made(
        "PackageInstance",
        id=None,
        package=made("Package", id=None, version=fields.get("version"), name=fields.get("package")),
        arch=named("Arch", "arch"),
        build_env=named("BuildEnv", "build_env"),
        suite=named("Suite", "suite"),
        distribution=named("Dist", "dist"),
        format=named("Format", "format"),
        master=True,
    )
    transport = made(
        "Transport", id=None, method=fields.get("method"), uri=fields.get("uri"), vcs_id=None
    )
    return made(
        "BuildRequest",
        job=made("Job", id=fields["id"], packageinstance=instance, buildclient=None),
        transport=transport,
        web_host=fields.get("web_host"),
        commands=fields.get("commands"),
        timestamp=None,
    )


def _in(value: Value, *names: str) -> Value:
    for name in names:
        value = fields_of(value).get(name) if isinstance(value, Thing) else None
    return value


def _plain_in(value: Value, *names: str) -> JsonValue:
    return plain(_in(value, *names))


def _plain_fields(thing: Thing) -> dict[str, JsonValue]:
    return {name: plain(each) for name, each in fields_of(thing).items()}
