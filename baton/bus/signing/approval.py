"""An approval is a signature over the digest of a plan, by a person's own key.

Whoever sees a bot's request can check it: a bot cannot make one up. What is signed holds the time,
so that an approval does not count for ever, and has a kind of its own, so that it can be read as
nothing else.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from baton.bus.bounds import Moment, at_most
from baton.bus.signing.assertion import Assertion
from baton.bus.signing.pae import pae, payload_type
from baton.bus.signing.ssh_key import SshKey

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
    passkey: Assertion | None = None
    """What a passkey signs beside the plan; None: the key is one of OpenSSH's own."""


Approvals = Annotated[tuple[Approval, ...], at_most(MOST)]


def approved_text(digest: str, at: datetime) -> bytes:
    """Return what a key signs to approve the plan with this digest at that time."""
    body = {"at": at.isoformat(timespec="seconds"), "plan": digest}
    return pae(payload_type(KIND), json.dumps(body, sort_keys=True).encode())


def approval(digest: str, at: datetime, key: SshKey, signature: bytes) -> Approval:
    """Return the approval of that plan whose `signature` over `approved_text` is by `key`."""
    encoded = base64.b64encode(signature).decode()
    return Approval(key=key.fingerprint, at=at.replace(microsecond=0), signature=encoded)


def write_token(given: Approval, key: SshKey) -> str:
    """Return `given`, which is by `key`, as one word of a command."""
    blob = base64.b64encode(key.blob).decode()
    words = [given.at.isoformat(timespec="seconds"), blob, given.signature]
    if given.passkey is not None:
        words += [given.passkey.authenticator, given.passkey.client]
    return ",".join(words)


def counts_at(given: Approval, at: datetime) -> bool:
    """Return whether `given` is neither too old at that time, nor of the future."""
    return -AHEAD <= at - given.at <= LASTS
