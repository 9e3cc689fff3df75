"""An ssh-agent signs with a key that it keeps: the private key leaves it for nobody.

datatracker.ietf.org/doc/html/draft-ietf-sshm-ssh-agent
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Mapping, Sequence

from baton.bus.signing.errors import AgentUnusable
from baton.bus.signing.public_key import KIND, PublicKey

VARIABLE = "SSH_AUTH_SOCK"
TIMEOUT = 60.0
"""Seconds that an ssh-agent may take: it may ask a person first."""
_MOST = 262_144
_IDENTITIES, _IDENTITIES_ANSWER, _SIGN, _SIGN_RESPONSE = 11, 12, 13, 14


class SshAgent:
    """The ssh-agent that `environ` names. Raises AgentUnusable if there is none that answers."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._path = environ.get(VARIABLE, "")
        if not self._path:
            raise AgentUnusable(reason=f"{VARIABLE} is not set, so none is running")

    def keys(self) -> Sequence[PublicKey]:
        """Return the keys of the kind ed25519 that it has."""
        answer = _Reader(self._ask(_IDENTITIES, b"", _IDENTITIES_ANSWER))
        found = []
        for _ in range(min(answer.number(), 1_000)):
            blob, name = answer.text(), answer.text().decode(errors="replace")
            with contextlib.suppress(ValueError):  # a key of another kind
                found.append(PublicKey.of_bytes(blob, name))
        return found

    def sign(self, key: PublicKey, text: bytes) -> bytes:
        """Return the signature of `text` with `key`."""
        body = _string(key.blob) + _string(text) + struct.pack(">I", 0)
        answer = _Reader(_Reader(self._ask(_SIGN, body, _SIGN_RESPONSE)).text())
        if answer.text() != KIND.encode():
            raise AgentUnusable(reason="it signed with a key of another kind")
        return answer.text()

    def _ask(self, kind: int, body: bytes, expected: int) -> bytes:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
                link.settimeout(TIMEOUT)
                link.connect(self._path)
                link.sendall(_string(bytes([kind]) + body))
                (size,) = struct.unpack(">I", _exactly(link, 4))
                if not 0 < size <= _MOST:
                    raise AgentUnusable(reason=f"its answer has {size} bytes")
                answer = _exactly(link, size)
        except OSError as error:
            raise AgentUnusable(reason=f"{self._path}: {error.strerror or error}") from None
        if answer[0] != expected:
            raise AgentUnusable(reason="it refuses: is the key locked, or was it not confirmed?")
        return answer[1:]


class _Reader:
    """Reads the values of an answer, which ends nowhere else than it says."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def number(self) -> int:
        return int.from_bytes(self._take(4), "big")

    def text(self) -> bytes:
        return self._take(self.number())

    def _take(self, count: int) -> bytes:
        if count > len(self._body):
            raise AgentUnusable(reason="its answer ends too early")
        found, self._body = self._body[:count], self._body[count:]
        return found


def _string(of: bytes) -> bytes:
    return struct.pack(">I", len(of)) + of


def _exactly(link: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        some = link.recv(count - len(found))
        if not some:
            raise AgentUnusable(reason="it closed the connection")
        found += some
    return found
