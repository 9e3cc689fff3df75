"""A private key is a file that only its owner may read, or a credential of systemd.

It is written as OpenSSH does, so `ssh-keygen` can make one too. It is in no database and no log.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from baton.bus.signing.errors import KeyUnusable, SigningNotInstalled
from baton.bus.signing.public_key import PublicKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MOST = 16_384
"""Bytes of a file with a key, at most."""
CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""The variable in which systemd names the folder of a unit's credentials (LoadCredential=)."""

_MAKE = "Make one: baton key FILE."


class PrivateKey:
    """A private key of Ed25519. It never shows what it holds."""

    def __init__(self, key: Ed25519PrivateKey, name: str = "") -> None:
        self._key = key
        self.public = PublicKey(key.public_key().public_bytes_raw(), name)

    def sign(self, text: bytes) -> bytes:
        """Return the signature of `text`: 64 bytes."""
        return self._key.sign(text)

    @classmethod
    def new(cls, name: str = "") -> PrivateKey:
        """Return a new key. Raises SigningNotInstalled."""
        need_cryptography()
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return cls(Ed25519PrivateKey.generate(), name)

    @classmethod
    def load(cls, path: Path, environ: Mapping[str, str] = os.environ) -> PrivateKey:
        """Return the key in the file `path`; a relative one is looked for among the credentials of
        systemd first. Raises KeyUnusable, SigningNotInstalled."""
        need_cryptography()
        file, credential = key_file(path, environ)
        return cls._read(file, _contents(file, credential))

    @classmethod
    def _read(cls, file: Path, contents: bytes) -> PrivateKey:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_ssh_private_key

        if contents.startswith(b"ssh-"):
            raise KeyUnusable(
                file=file,
                reason="it holds the public key",
                fix="Name the file of the private key: the one without .pub.",
            )
        try:
            key = load_ssh_private_key(contents, None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            locked = isinstance(error, TypeError) or "password" in str(error).lower()
            reason = "it is locked with a passphrase" if locked else "it holds no key of OpenSSH"
            raise KeyUnusable(file=file, reason=reason, fix=_MAKE) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyUnusable(file=file, reason="it is no key of the kind ed25519", fix=_MAKE)
        return cls(key)

    def save(self, path: Path) -> None:
        """Write the key into the new file `path`, which only its owner may read. Raises
        KeyUnusable if there is a file already or it cannot be written."""
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        contents = self._key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        try:
            number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(number, "wb") as file:
                file.write(contents)
                os.fsync(file.fileno())
        except FileExistsError:
            raise KeyUnusable(
                file=path,
                reason="there is a file of that name already, and it is never overwritten",
                fix="Choose another name.",
            ) from None
        except OSError as error:
            raise KeyUnusable(
                file=path, reason=f"it cannot be written ({error.strerror})", fix=""
            ) from None


def key_file(path: Path, environ: Mapping[str, str] = os.environ) -> tuple[Path, bool]:
    """Return the file that `path` names, and whether it is a credential of systemd: those have
    modes of systemd's own."""
    folder = environ.get(CREDENTIALS)
    if not folder:
        return path, False
    if not path.is_absolute() and (Path(folder) / path).is_file():
        return Path(folder) / path, True
    return path, path.parent == Path(folder)


def need_cryptography() -> None:
    """Raise SigningNotInstalled if what signs and verifies is not installed."""
    try:
        import cryptography.hazmat.primitives.asymmetric.ed25519  # noqa: F401
    except ImportError:
        raise SigningNotInstalled() from None


def _contents(file: Path, credential: bool) -> bytes:
    try:
        # not blocking: a pipe of that name would wait for ever
        with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
            status = os.fstat(opened.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise KeyUnusable(file=file, reason="it is no file", fix=_MAKE)
            if not credential and status.st_mode & 0o077:
                raise KeyUnusable(
                    file=file,
                    reason=f"others may read it (its mode is {stat.S_IMODE(status.st_mode):04o})",
                    fix=f"Run: chmod 600 {file}. If others have read it, make a new one.",
                )
            return opened.read(MOST)
    except FileNotFoundError:
        raise KeyUnusable(file=file, reason="there is no such file", fix=_MAKE) from None
    except OSError as error:
        raise KeyUnusable(
            file=file,
            reason=f"it cannot be read ({error.strerror})",
            fix="It must belong to the user that Baton runs as.",
        ) from None
