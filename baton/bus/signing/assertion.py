"""What a passkey signs, and why it does not count.

A browser has the authenticator sign the site and whether somebody was there and proved to be
themselves, and the digest of a small document of its own: what was to be signed (the challenge),
and on which page. Whoever checks it needs no browser and no bot.

www.w3.org/TR/webauthn-3/#sctn-verifying-assertion
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection
from hashlib import sha256

from pydantic import BaseModel, ConfigDict, Field

from baton.bus.signing.passkey import ES256, Passkey
from baton.bus.signing.ssh_key import decoded
from baton.text.printable import printable

_BASE64 = r"^[A-Za-z0-9+/]+=*$"
_PRESENT, _VERIFIED = 0x01, 0x04
_HEAD = 37
"""Bytes: the digest of the site, the flags, and a count of signatures."""


class Assertion(BaseModel):
    """What a passkey has signed beside the plan, in base 64: the data of its `authenticator`, and
    the document of the `client`, which is the browser."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    authenticator: str = Field(max_length=400, pattern=_BASE64)
    client: str = Field(max_length=2_000, pattern=_BASE64)

    @property
    def document(self) -> dict[str, object]:
        """What the browser says; empty if that cannot be read."""
        try:
            found = json.loads(decoded(self.client))
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def origin(self) -> str:
        """The page on which it was given, by what the browser says."""
        return printable(str(self.document.get("origin", "")))[:200]


def challenge(text: bytes) -> str:
    """Return the challenge for which a passkey signs `text`, as browsers write it."""
    return base64.urlsafe_b64encode(sha256(text).digest()).decode().rstrip("=")


def assertion_doubt(
    key: Passkey, text: bytes, given: Assertion, signature: bytes, origins: Collection[str] | None
) -> str:
    """Return why `given` with its `signature` is no signature of `text` by `key`, on one of the
    pages `origins` (None: on whichever page); empty if it is one."""
    said = given.document
    if not said:
        return "the document of its browser cannot be read"
    if said.get("type") != "webauthn.get":
        return f"its browser was asked for something else ({printable(str(said.get('type')))[:40]})"
    if said.get("challenge") != challenge(text):
        return "it is of another plan"
    if origins is not None and said.get("origin") not in origins:
        return (
            f"it was given on the page {given.origin or 'of nobody'}, which is not one of origins"
        )
    if said.get("crossOrigin", False) is not False:
        return "it was given inside of another page"
    try:
        data = decoded(given.authenticator)
    except ValueError:
        return "the data of its authenticator cannot be read"
    if len(data) < _HEAD or data[:32] != sha256(key.site.encode()).digest():
        return f"it was given for another site than {key.site}"
    if not data[32] & _PRESENT:
        return "nobody was there to give it"
    if not data[32] & _VERIFIED:
        return "whoever was there did not prove to be themselves (with a PIN, a finger or a face)"
    signed = data + sha256(decoded(given.client)).digest()
    return "" if _is_by(key, signed, signature) else f"it is not signed with {key.label}"


def _is_by(key: Passkey, text: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        if key.kind == ES256:
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key.raw)
            point.verify(signature, text, ec.ECDSA(SHA256()))
        else:
            ed25519.Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, text)
    except (InvalidSignature, ValueError):  # a point that is not on the curve
        return False
    return True
