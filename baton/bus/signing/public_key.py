"""A public key is one line, as OpenSSH writes it: `ssh-ed25519 AAAA... name`. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator
from typing_extensions import override

from baton.bus.signing.ssh_key import SshKey, decoded, ssh_string
from baton.text.printable import printable

KIND = "ssh-ed25519"
SIZE = 32
MUST = f"a line such as `{KIND} AAAAC3... name`, as `baton key` prints it"
MOST_KEYS = 20
"""Keys in a list of settings, at most."""
AnyKey = TypeVar("AnyKey", bound=SshKey)


@dataclass(frozen=True)
class PublicKey(SshKey):
    """A public key of Ed25519, and the name that people gave it."""

    raw: bytes
    name: str = ""

    @property
    @override
    def kind(self) -> str:
        """What OpenSSH calls keys like it."""
        return KIND

    @cached_property
    @override
    def blob(self) -> bytes:
        """The key as the protocols of SSH write it."""
        return ssh_string(KIND.encode()) + ssh_string(self.raw)

    @classmethod
    def parse(cls, line: str, must: str = MUST) -> PublicKey:
        """Return the key in `line`. Raises ValueError that says what it must be."""
        words = line.split(None, 2)
        if "PRIVATE KEY" in line:
            raise ValueError(f"{must}; this is a private key, which belongs in a file of its own")
        if len(words) > 1 and words[0] != KIND and words[0].startswith(("ssh-", "ecdsa-", "sk-")):
            raise ValueError(f"{must}; keys of the kind {printable(words[0][:40])} are not used")
        if len(words) < 2 or words[0] != KIND or len(line) > 1_000:
            raise ValueError(must)
        return cls.of_blob(words[1], words[2] if len(words) > 2 else "")

    @classmethod
    def of_blob(cls, text: str, name: str = "") -> PublicKey:
        """Return the key whose blob is `text` in base 64. Raises ValueError."""
        try:
            blob = decoded(text)
        except ValueError:
            raise ValueError(f"{MUST}; its second word is no base 64") from None
        return cls.of_bytes(blob, name)

    @classmethod
    def of_bytes(cls, blob: bytes, name: str = "") -> PublicKey:
        """Return the key whose blob this is. Raises ValueError."""
        head = ssh_string(KIND.encode())
        raw = blob[len(head) + 4 :]
        if blob != head + ssh_string(raw) or len(raw) != SIZE:
            raise ValueError(f"{MUST}; its second word holds no key of this kind")
        return cls(raw, printable(name.strip())[:100])


def _parsed(value: object) -> object:
    return PublicKey.parse(value) if isinstance(value, str) else value


def distinct(keys: tuple[AnyKey, ...]) -> tuple[AnyKey, ...]:
    """Return `keys`. Raises ValueError if they are too many, or if one is there twice."""
    if len(keys) > MOST_KEYS:
        raise ValueError(f"a list of at most {MOST_KEYS} keys")
    found = Counter(key.blob for key in keys)
    if twice := next((key for key in keys if found[key.blob] > 1), None):
        raise ValueError(f"a list of different keys: {twice.fingerprint} is there twice")
    return keys


def of_settings(value: Any, parse: Callable[[str], object]) -> Any:
    """Return the keys in a list of lines in settings, each as `parse` reads it."""
    if isinstance(value, str):
        raise ValueError('a list of lines: ["ssh-ed25519 AAAAC3... name"]')
    if not isinstance(value, list | tuple):
        return value
    return [parse(line) if isinstance(line, str) else line for line in value]


def _lines(value: Any) -> Any:
    return of_settings(value, PublicKey.parse)


KeyLine = Annotated[PublicKey, BeforeValidator(_parsed)]
"""A public key in settings."""

KeyLines = Annotated[tuple[PublicKey, ...], BeforeValidator(_lines), AfterValidator(distinct)]
"""A list of public keys in settings, each once."""
