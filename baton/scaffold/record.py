"""`.baton-new.toml`: from what a package was made, so that it can be brought up to date.

It holds the answers and, packed, the files as they were written: the base of a three-way merge.
An old template is in no later version of Baton, and a package may be cloned by anybody.
"""

from __future__ import annotations

import base64
import binascii
import json
import textwrap
import tomllib
import zlib
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from baton.errors import BatonError
from baton.scaffold.answers import Answers
from baton.scaffold.template import Files

NAME = ".baton-new.toml"
MOST = 1_000_000
"""Bytes of the files that are unpacked at most."""


class RecordUnusable(BatonError):
    """{file} cannot be used: {reason}. {fix}"""

    permanent = True


@dataclass(frozen=True, slots=True)
class Record:
    """The `files` that Baton of this `version` wrote for these `answers`."""

    version: str
    answers: Answers
    files: Files

    def text(self) -> str:
        """Return it as it stands in the file."""
        whole = {path: content.decode() for path, content in self.files.items()}
        packed = base64.b64encode(zlib.compress(json.dumps(whole).encode(), 9)).decode()
        return "\n".join(
            [
                "# From what `baton new` made this package. `baton new --update` needs it:",
                "# keep it in git, and do not edit it.",
                f"baton = {json.dumps(self.version)}",
                f"name = {json.dumps(self.answers.name)}",
                f"command = {json.dumps(self.answers.command)}",
                f"year = {self.answers.year}",
                "# The files as they were written, packed.",
                'files = """',
                *textwrap.wrap(packed, 100),
                '"""',
                "",
            ]
        )


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid")

    baton: str = Field(max_length=64)
    name: str
    command: str
    year: int = Field(ge=1, le=9999)
    files: str


def read_record(folder: Path) -> Record:
    """Return what `folder` was made from. Raises RecordUnusable."""
    file = folder / NAME
    try:
        stored = _Stored.model_validate(tomllib.loads(file.read_text("utf-8")))
        return Record(
            stored.baton, Answers(stored.name, stored.command, stored.year), _unpacked(stored.files)
        )
    except FileNotFoundError:
        raise RecordUnusable(
            file=file,
            reason="there is no such file",
            fix="Run `baton new --update` in the folder of a package that `baton new` made.",
        ) from None
    except (OSError, ValidationError, ValueError, binascii.Error, zlib.error) as error:
        reason = type(error).__name__ if isinstance(error, ValidationError) else str(error)
        raise RecordUnusable(
            file=file,
            reason=f"it is not as it was written ({reason})",
            fix=f"Take it from git again: git checkout -- {NAME}",
        ) from None


def _unpacked(packed: str) -> Files:
    unpacking = zlib.decompressobj()
    text = unpacking.decompress(base64.b64decode("".join(packed.split()), validate=True), MOST)
    if unpacking.unconsumed_tail:
        raise ValueError(f"it has more than {MOST:,} bytes")
    whole = json.loads(text)
    if not isinstance(whole, dict) or not all(
        isinstance(content, str) and _is_inside(path) for path, content in whole.items()
    ):
        raise ValueError("its files are not a table of paths and texts")
    return {path: content.encode() for path, content in whole.items()}


def _is_inside(path: str) -> bool:
    """Return whether `path` stays within the folder of the package, and out of git's own."""
    parts = path.split("/")
    return not path.startswith("/") and not {"", ".", "..", ".git"} & set(parts)
