"""What all public keys have: the line in which OpenSSH writes them, and the fingerprint. Pure."""

from __future__ import annotations

import base64
import binascii
from abc import ABC, abstractmethod
from functools import cached_property
from hashlib import sha256


class SshKey(ABC):
    """A public key of a `kind`, and the name that people gave it."""

    name: str

    @property
    @abstractmethod
    def kind(self) -> str:
        """What OpenSSH calls keys like it."""

    @property
    @abstractmethod
    def blob(self) -> bytes:
        """The key as the protocols of SSH write it."""

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
        text = f"{self.kind} {base64.b64encode(self.blob).decode()}"
        return f"{text} {self.name}" if self.name else text


def ssh_string(of: bytes) -> bytes:
    """Return `of` as a string of the protocols of SSH (RFC 4251, 5)."""
    return len(of).to_bytes(4, "big") + of


def ssh_strings(blob: bytes) -> list[bytes]:
    """Return the strings that `blob` is made of. Raises ValueError if it is not."""
    found = []
    while blob:
        size = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + size:
            raise ValueError("it ends too early")
        found.append(blob[4 : 4 + size])
        blob = blob[4 + size :]
    return found


def decoded(text: str) -> bytes:
    """Return the bytes that `text` is in base 64. Raises ValueError."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("it is no base 64") from None
