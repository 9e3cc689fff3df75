"""The people whose approvals count somewhere, by their keys, and why one does not count."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from baton.bus.signing.approval import AHEAD, Approval, approved_text, counts_at
from baton.bus.signing.assertion import Assertion, assertion_doubt
from baton.bus.signing.header import Signature
from baton.bus.signing.key_ring import KeyRing
from baton.bus.signing.passkey import ApproverKey, Passkey, of_blob
from baton.bus.signing.public_key import PublicKey
from baton.bus.signing.ssh_key import decoded

MAX_TOKEN = 3_500
"""Characters of an approval as one word of a command."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The keys that approve a plan, each once, and why each other approval of it does not count."""

    keys: Collection[ApproverKey]
    doubts: Sequence[str]


class ApproverRing:
    """The keys of people. A passkey counts if it was used on one of the pages `origins`; None: on
    whichever page. Raises SigningNotInstalled."""

    def __init__(self, keys: Sequence[ApproverKey], origins: Collection[str] | None) -> None:
        self._keys = {key.fingerprint: key for key in keys}
        self._ring = KeyRing([key for key in keys if isinstance(key, PublicKey)])
        self._origins = origins

    def counted(self, digest: str, given: Sequence[Approval], at: datetime) -> Counted:
        """Return which keys approve the plan with this digest, as things are `at` that time."""
        found, doubts = {}, []
        for one in given:
            key = self._keys.get(one.key)
            why = self._doubt(digest, one, key, at)
            if why:
                name = one.key if key is None else key.name or key.fingerprint
                doubts.append(f"that of {name} does not count: {why}")
            elif key is not None:
                found[key.fingerprint] = key
        return Counted(found.values(), doubts)

    def _doubt(self, digest: str, one: Approval, key: ApproverKey | None, at: datetime) -> str:
        if key is None:
            return "this key is not one of those"
        if not counts_at(one, at):
            return "it is of the future" if one.at - at > AHEAD else "it is older than 24 hours"
        try:
            raw = decoded(one.signature)
        except ValueError as error:
            return str(error)
        text = approved_text(digest, one.at)
        if isinstance(key, Passkey):
            if one.passkey is None:
                return "it is not given with a passkey, which its key is"
            return assertion_doubt(key, text, one.passkey, raw, self._origins)
        signer = self._ring.signer(text, Signature(one.key, raw))
        return "" if signer == key else "it is of another plan, or by another key"


def read_token(text: str, digest: str) -> Approval:
    """Return the approval of the plan with this digest in a word of `write_token`. Raises
    ValueError that says what is wrong with it, also if it is about another plan."""
    words = text.split(",")
    if len(words) not in (3, 5) or len(text) > MAX_TOKEN:
        raise ValueError("it is no signature of an approval")
    at, blob, signature, *more = words
    key = of_blob(blob)
    passkey = Assertion(authenticator=more[0], client=more[1]) if more else None
    values = {"key": key.fingerprint, "at": at, "signature": signature, "passkey": passkey}
    given = Approval.model_validate(values)
    counted = ApproverRing([key], None).counted(digest, [given], given.at)
    if not counted.keys:
        raise ValueError(counted.doubts[0])
    return given
