"""The table `[signing]` of an agent or a worker."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pydantic import model_validator

from baton.bus.signing.public_key import KeyLines
from baton.settings import Table


class Mode(StrEnum):
    """What becomes of an order that no trusted key has signed: it is taken (`off`), taken and told
    of (`warn`), or refused (`require`)."""

    OFF = "off"
    WARN = "warn"
    REQUIRE = "require"


class SigningTable(Table):
    """`[signing]`: `keys` are the public keys of the bots that are trusted. With `own`, the file of
    a private key, what this machine reports is signed."""

    mode: Mode = Mode.OFF
    keys: KeyLines = ()
    own: Path | None = None

    @model_validator(mode="after")
    def _somebody_is_trusted(self) -> SigningTable:
        if self.mode is not Mode.OFF and not self.keys:
            raise ValueError(
                f'a table with keys, if mode = "{self.mode.value}": the public keys of the bots,'
                " as `baton key` prints them"
            )
        return self
