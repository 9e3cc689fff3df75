"""Signers add to a message that is sent what proves who sent it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from typing_extensions import override

from baton.bus.signing import header
from baton.bus.signing.pae import pae, payload_type
from baton.bus.signing.private_key import PrivateKey


class Signer(Protocol):
    """A signer signs what a program sends."""

    def headers(self, kind: str, body: bytes) -> Mapping[str, str]:
        """Return the headers for a message of this kind with these bytes."""

    @property
    def fingerprints(self) -> Sequence[str]:
        """Return those of its keys."""
        return ()


class Unsigned(Signer):
    """This signer signs nothing."""

    @override
    def headers(self, kind: str, body: bytes) -> Mapping[str, str]:
        """Return no headers."""
        return {}


UNSIGNED: Signer = Unsigned()


class KeySigner(Signer):
    """This signer signs with each of its keys: two, while one replaces the other."""

    def __init__(self, keys: Sequence[PrivateKey]) -> None:
        self._keys = tuple(keys)

    @property
    @override
    def fingerprints(self) -> Sequence[str]:
        """Return those of its keys."""
        return [key.public.fingerprint for key in self._keys]

    @override
    def headers(self, kind: str, body: bytes) -> Mapping[str, str]:
        """Return the header that holds the signatures."""
        text = pae(payload_type(kind), body)
        signatures = (
            header.Signature(key.public.fingerprint, key.sign(text)) for key in self._keys
        )
        return {header.SIGNATURE: header.write(signatures)}


def signer_of(files: Sequence[Path | None], environ: Mapping[str, str] = os.environ) -> Signer:
    """Return what signs with the keys in `files`, of which None is none. Raises KeyUnusable,
    SigningNotInstalled."""
    keys = [PrivateKey.load(file, environ) for file in files if file is not None]
    return KeySigner(keys) if keys else UNSIGNED
