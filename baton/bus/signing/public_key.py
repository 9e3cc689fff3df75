"""A public key is one line, as OpenSSH writes it: `ssh-ed25519 AAAA... name`. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from baton.text.printable import printable

KIND = "ssh-ed25519"
SIZE = 32
MUST = f"a line such as `{KIND} AAAAC3... name`, as `baton key` prints it"
MOST_KEYS = 20
"""Keys in a list of settings, at most."""


@dataclass(frozen=True)
class PublicKey:
    """A public key of Ed25519, and the name that people gave it."""

    raw: bytes
    name: str = ""

    @cached_property
    def blob(self) -> bytes:
        """The key as the protocols of SSH write it."""
        return _string(KIND.encode()) + _string(self.raw)

    @cached_property
    def fingerprint(self) -> str:
        """What identifies it, as `ssh-keygen -l` shows it."""
        digest = base64.b64encode(sha256(self.blob).digest()).decode()
        return f"SHA256:{digest.rstrip('=')}"

    @property
    def label(self) -> str:
        """What people are shown: its fingerprint, and its name if it has one."""
        return f"{self.fingerprint} ({self.name})" if self.name else self.fingerprint

    @property
    def line(self) -> str:
        """The line that settings hold."""
        text = f"{KIND} {base64.b64encode(self.blob).decode()}"
        return f"{text} {self.name}" if self.name else text

    @classmethod
    def parse(cls, line: str) -> PublicKey:
        """Return the key in `line`. Raises ValueError that says what it must be."""
        words = line.split(None, 2)
        if "PRIVATE KEY" in line:
            raise ValueError(f"{MUST}; this is a private key, which belongs in a file of its own")
        if len(words) > 1 and words[0] != KIND and words[0].startswith(("ssh-", "ecdsa-", "sk-")):
            raise ValueError(f"{MUST}; keys of the kind {printable(words[0][:40])} are not used")
        if len(words) < 2 or words[0] != KIND or len(line) > 1_000:
            raise ValueError(MUST)
        return cls.of_blob(words[1], words[2] if len(words) > 2 else "")

    @classmethod
    def of_blob(cls, text: str, name: str = "") -> PublicKey:
        """Return the key whose blob is `text` in base 64. Raises ValueError."""
        try:
            blob = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"{MUST}; its second word is no base 64") from None
        return cls.of_bytes(blob, name)

    @classmethod
    def of_bytes(cls, blob: bytes, name: str = "") -> PublicKey:
        """Return the key whose blob this is. Raises ValueError."""
        head = _string(KIND.encode())
        raw = blob[len(head) + 4 :]
        if blob != head + _string(raw) or len(raw) != SIZE:
            raise ValueError(f"{MUST}; its second word holds no key of this kind")
        return cls(raw, printable(name.strip())[:100])


def _string(of: bytes) -> bytes:
    """Return `of` as a string of the protocols of SSH (RFC 4251, 5)."""
    return len(of).to_bytes(4, "big") + of


def _parsed(value: object) -> object:
    return PublicKey.parse(value) if isinstance(value, str) else value


def _distinct(keys: tuple[PublicKey, ...]) -> tuple[PublicKey, ...]:
    if len(keys) > MOST_KEYS:
        raise ValueError(f"a list of at most {MOST_KEYS} keys")
    if twice := next((key for key in keys if count_of(key, keys) > 1), None):
        raise ValueError(f"a list of different keys: {twice.fingerprint} is there twice")
    return keys


def count_of(key: PublicKey, keys: Iterable[PublicKey]) -> int:
    """Return how often `key` is among `keys`, whatever it is called there."""
    return sum(one.raw == key.raw for one in keys)


def _lines(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError('a list of lines: ["ssh-ed25519 AAAAC3... name"]')
    return [_parsed(line) for line in value] if isinstance(value, list | tuple) else value


KeyLine = Annotated[PublicKey, BeforeValidator(_parsed)]
"""A public key in settings."""

KeyLines = Annotated[tuple[PublicKey, ...], BeforeValidator(_lines), AfterValidator(_distinct)]
"""A list of public keys in settings, each once."""
