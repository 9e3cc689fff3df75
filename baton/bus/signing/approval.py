"""An approval is a signature over the digest of a plan, by a person's own key.

Whoever sees a bot's request can check it: a bot cannot make one up. What is signed holds the time,
so that an approval does not count for ever, and has a kind of its own, so that it can be read as
nothing else.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from baton.bus.bounds import Moment, at_most
from baton.bus.signing.header import Signature
from baton.bus.signing.key_ring import KeyRing
from baton.bus.signing.pae import pae, payload_type
from baton.bus.signing.public_key import PublicKey

KIND = "baton.approval"
LASTS = timedelta(hours=24)
"""How long an approval counts."""
AHEAD = timedelta(seconds=30)
"""By how much the clock of whoever approves may be ahead."""
MOST = 20


class Approval(BaseModel):
    """An approval of a plan: the fingerprint of the key, when it signed, and the signature in
    base 64."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    key: str = Field(max_length=60, pattern=r"^SHA256:[A-Za-z0-9+/]{43}$")
    at: Moment
    signature: str = Field(max_length=100, pattern=r"^[A-Za-z0-9+/]+=*$")


Approvals = Annotated[tuple[Approval, ...], at_most(MOST)]


def approved_text(digest: str, at: datetime) -> bytes:
    """Return what a key signs to approve the plan with this digest at that time."""
    body = {"at": at.isoformat(timespec="seconds"), "plan": digest}
    return pae(payload_type(KIND), json.dumps(body, sort_keys=True).encode())


def approval(digest: str, at: datetime, key: PublicKey, signature: bytes) -> Approval:
    """Return the approval of that plan whose `signature` over `approved_text` is by `key`."""
    encoded = base64.b64encode(signature).decode()
    return Approval(key=key.fingerprint, at=at.replace(microsecond=0), signature=encoded)


def write_token(given: Approval, key: PublicKey) -> str:
    """Return `given`, which is by `key`, as one word of a command."""
    blob = base64.b64encode(key.blob).decode()
    return f"{given.at.isoformat(timespec='seconds')},{blob},{given.signature}"


def read_token(text: str, digest: str) -> Approval:
    """Return the approval of the plan with this digest in a word of `write_token`. Raises
    ValueError that says what is wrong with it, also if it is about another plan."""
    words = text.split(",")
    if len(words) != 3 or len(text) > 500:
        raise ValueError("it is no signature of an approval")
    at, blob, signature = words
    key = PublicKey.of_blob(blob)
    given = Approval.model_validate({"key": key.fingerprint, "at": at, "signature": signature})
    if not approvers(KeyRing([key]), digest, [given], given.at):
        raise ValueError(f"the key {key.fingerprint} has not signed this plan")
    return given


def counts_at(given: Approval, at: datetime) -> bool:
    """Return whether `given` is neither too old at that time, nor of the future."""
    return -AHEAD <= at - given.at <= LASTS


def approvers(
    ring: KeyRing, digest: str, given: Sequence[Approval], at: datetime
) -> Collection[PublicKey]:
    """Return the keys of `ring` that approve the plan with this digest, each once, as things are
    `at` that time."""
    found = {}
    for one in given:
        if not counts_at(one, at):
            continue
        try:
            raw = base64.b64decode(one.signature, validate=True)
        except (binascii.Error, ValueError):
            continue
        key = ring.signer(approved_text(digest, one.at), Signature(one.key, raw))
        if key is not None:
            found[key.raw] = key
    return found.values()
