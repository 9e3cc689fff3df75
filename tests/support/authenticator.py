"""An authenticator and its browser, as far as they sign: a passkey in the hand of a test."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from baton.bus.signing.approval import Approval, approval, approved_text
from baton.bus.signing.assertion import Assertion, challenge
from baton.bus.signing.passkey import Passkey

SITE = "baton.example.com"
PAGE = f"https://{SITE}"


class Authenticator:
    """It has one passkey for `site`, of P-256 unless it is of `ed25519`, called `name`."""

    def __init__(self, name: str = "", site: str = SITE, *, ed25519_key: bool = False) -> None:
        self._key: Any
        if ed25519_key:
            self._key = ed25519.Ed25519PrivateKey.generate()
            raw = self._key.public_key().public_bytes_raw()
        else:
            self._key = ec.generate_private_key(ec.SECP256R1())
            public = self._key.public_key()
            raw = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.public = Passkey(raw, site, name)

    def approves(
        self,
        digest: str,
        at: datetime,
        *,
        site: str = "",
        flags: int = 0x05,
        **document: Any,
    ) -> Approval:
        """The approval of that plan at that time; `document` are changes of what its browser
        says."""
        at = at.replace(microsecond=0)
        said = {
            "type": "webauthn.get",
            "challenge": challenge(approved_text(digest, at)),
            "origin": PAGE,
            "crossOrigin": False,
        }
        client = json.dumps({**said, **document}).encode()
        data = sha256((site or self.public.site).encode()).digest() + bytes([flags, 0, 0, 0, 1])
        text = data + sha256(client).digest()
        more = [] if isinstance(self._key, ed25519.Ed25519PrivateKey) else [ec.ECDSA(SHA256())]
        given = approval(digest, at, self.public, self._key.sign(text, *more))
        passkey = Assertion(
            authenticator=base64.b64encode(data).decode(), client=base64.b64encode(client).decode()
        )
        return given.model_copy(update={"passkey": passkey})
