"""The keys that somebody trusts, and why a signature does not count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from baton.bus.signing import header
from baton.bus.signing.pae import pae, payload_type
from baton.bus.signing.private_key import need_cryptography
from baton.bus.signing.public_key import PublicKey

Verify = Callable[[bytes, bytes], None]


@dataclass(frozen=True, slots=True)
class Doubt:
    """A doubt says why a message is not believed: `it {text}`. `key` is the fingerprint of the key
    that it names, empty if it names none that can be read."""

    text: str
    key: str = ""


class KeyRing:
    """The keys that are trusted. Any of them may have signed; what a message says of its key only
    decides which is tried first. Raises SigningNotInstalled."""

    def __init__(self, keys: Sequence[PublicKey]) -> None:
        need_cryptography()
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        self._wrong = InvalidSignature
        self._keys = {key.fingerprint: key for key in keys}
        self._verify: dict[str, Verify] = {
            key.fingerprint: Ed25519PublicKey.from_public_bytes(key.raw).verify for key in keys
        }

    def doubt(self, kind: str, body: bytes, signed: str | None) -> Doubt | None:
        """Return why a message of this kind with these bytes and the header `signed` is not
        believed; None if one of the keys has signed exactly that."""
        if not signed:
            return Doubt("is not signed")
        found = header.read(signed)
        if not found:
            return Doubt("has a signature that cannot be read")
        text = pae(payload_type(kind), body)
        if any(self.signer(text, one) is not None for one in found):
            return None
        known = next((one.hint for one in found if one.hint in self._keys), None)
        if known is not None:
            return Doubt(
                f"was changed after the key {self._keys[known].label} signed it, or that key "
                "signed something else",
                known,
            )
        names = " and ".join(one.hint for one in found)
        return Doubt(f"is signed with the key {names}, which is not trusted here", found[0].hint)

    def signer(self, text: bytes, signature: header.Signature) -> PublicKey | None:
        """Return the key that signed exactly `text`; None if none of ours did."""
        first = signature.hint
        for fingerprint in sorted(self._verify, key=lambda one: one != first):
            try:
                self._verify[fingerprint](signature.raw, text)
            except self._wrong:
                continue
            return self._keys[fingerprint]
        return None
