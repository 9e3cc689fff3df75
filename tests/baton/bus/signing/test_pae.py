"""What is signed: the type of a message and its bytes, unambiguously."""

from __future__ import annotations

import pytest

from baton.bus.signing.pae import pae, payload_type


@pytest.mark.parametrize(
    ("type", "body", "signed"),
    [
        # the example of DSSE's protocol, and the edges of its definition
        (
            "http://example.com/HelloWorld",
            b"hello world",
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world",
        ),
        ("", b"", b"DSSEv1 0  0 "),
        (
            "http://example.com",
            b"\xe4\xbd\xa0\x00\n 1",
            b"DSSEv1 18 http://example.com 7 \xe4\xbd\xa0\x00\n 1",
        ),
        ("über", b"x", "DSSEv1 5 über 1 x".encode()),
    ],
)
def test_the_encoding_is_that_of_dsse(type: str, body: bytes, signed: bytes) -> None:
    """Lengths count bytes, in decimal, without zeros in front."""
    assert pae(type.encode(), body) == signed


def test_no_two_messages_are_signed_as_the_same_bytes() -> None:
    """What moves from the type to the body changes a length."""
    assert pae(b"a b", b"c") != pae(b"a", b"b c")
    assert pae(b"a 1 b", b"") != pae(b"a", b"b")


def test_the_type_names_kind_and_direction() -> None:
    """A report can never be read as an order."""
    assert payload_type("baton.request") == b"application/vnd.baton.request+json"
    assert payload_type("baton.update") != payload_type("baton.request")
