"""Which signatures count, and what is said of the others."""

from __future__ import annotations

import base64
import random

import pytest

from baton.bus.api import to_envelope
from baton.bus.messages import Discover, encode
from baton.bus.signing import header
from baton.bus.signing.header import SIGNATURE, Signature
from baton.bus.signing.key_ring import KeyRing
from baton.bus.signing.private_key import PrivateKey
from baton.bus.signing.signer import UNSIGNED, KeySigner

OLD, NEW, STRANGE = PrivateKey.new("old"), PrivateKey.new("new"), PrivateKey.new("strange")
BODY = b'{"data": 1}'
KIND = "baton.request"


def signed(*keys: PrivateKey, kind: str = KIND, body: bytes = BODY) -> str:
    return KeySigner(keys).headers(kind, body)[SIGNATURE]


def why(ring: KeyRing, signature: str | None, *, kind: str = KIND, body: bytes = BODY) -> str:
    found = ring.doubt(kind, body, signature)
    return "" if found is None else found.text


def test_what_a_trusted_key_signed_is_believed() -> None:
    """Whatever the message says of the key: that is only a hint."""
    ring = KeyRing([NEW.public, OLD.public])
    assert why(ring, signed(OLD)) == ""
    (one,) = header.read(signed(OLD))
    assert why(ring, header.write([Signature(STRANGE.public.fingerprint, one.raw)])) == ""


def test_two_keys_sign_while_one_replaces_the_other() -> None:
    """Who knows the old key alone believes it, and who knows the new one alone too."""
    both = signed(OLD, NEW)
    for ring in (KeyRing([OLD.public]), KeyRing([NEW.public]), KeyRing([OLD.public, NEW.public])):
        assert why(ring, both) == ""
    assert STRANGE.public.fingerprint in why(KeyRing([OLD.public]), signed(STRANGE, NEW))


def test_each_reason_is_named() -> None:
    """Unsigned, unreadable, by a stranger, altered: people do something else about each."""
    ring = KeyRing([OLD.public])
    assert why(ring, None) == why(ring, "") == "is not signed"
    assert why(ring, "nonsense") == "has a signature that cannot be read"
    assert why(ring, " ".join([signed(OLD)] * 5)) == "has a signature that cannot be read"
    fingerprint = STRANGE.public.fingerprint
    assert why(ring, signed(STRANGE)) == (
        f"is signed with the key {fingerprint}, which is not trusted here"
    )
    altered = why(ring, signed(OLD), body=BODY + b" ")
    assert altered.startswith(f"was changed after the key {OLD.public.fingerprint} (old) signed it")
    found = ring.doubt(KIND, BODY, signed(STRANGE))
    assert found is not None
    assert found.key == fingerprint


@pytest.mark.parametrize("kind", ["baton.update", "baton.cancel", "baton.request2", ""])
def test_what_is_signed_as_one_kind_is_believed_as_no_other(kind: str) -> None:
    """A report that was recorded can never be sent back as an order."""
    assert why(KeyRing([OLD.public]), signed(OLD), kind=kind).startswith("was changed")


def test_a_header_is_read_or_it_is_not() -> None:
    """Any text: no error, and never a signature of the wrong length."""
    text, luck = signed(OLD, NEW), random.Random(1)
    assert [one.hint for one in header.read(text)] == [
        OLD.public.fingerprint,
        NEW.public.fingerprint,
    ]
    short = f"{OLD.public.fingerprint}={base64.b64encode(b'short').decode()}"
    assert header.read(short) == ()
    for _ in range(2_000):
        place, letter = luck.randrange(len(text)), chr(luck.randrange(0x300))
        for changed in (text[:place], text[:place] + letter + text[place + 1 :]):
            assert all(len(one.raw) == 64 for one in header.read(changed))


def test_an_envelope_is_signed_over_the_bytes_that_are_sent() -> None:
    """What is verified is what was received, never what it would be if it were written again."""
    message = Discover()
    envelope = to_envelope(message, KeySigner([OLD]))
    assert envelope.body == encode(message)
    assert (
        why(
            KeyRing([OLD.public]),
            envelope.headers[SIGNATURE],
            kind="baton.discover",
            body=envelope.body,
        )
        == ""
    )
    assert SIGNATURE not in to_envelope(message, UNSIGNED).headers
