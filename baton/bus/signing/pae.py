"""What is signed of a message is its type and its bytes, as DSSE encodes them. Pure."""

from __future__ import annotations


def payload_type(kind: str) -> bytes:
    """Return the type that is signed with a message of this kind, such as `baton.request`.

    The kind names the direction too: what a server reports can never be read as an order.
    """
    return f"application/vnd.{kind}+json".encode("utf-8", "replace")


def pae(type: bytes, body: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding of `body`, which has this `type`."""
    return b"DSSEv1 %d %b %d %b" % (len(type), type, len(body), body)
