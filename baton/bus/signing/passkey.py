"""The public key of a passkey, in the line in which OpenSSH writes keys of FIDO authenticators:
`sk-ecdsa-sha2-nistp256@openssh.com AAAA... name`. Pure.

What OpenSSH calls its application is the site for which the passkey was made: the name of the host
of the console. An authenticator signs for no other one.

github.com/openssh/openssh-portable/blob/master/PROTOCOL.u2f
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from typing_extensions import override

from baton.bus.signing.public_key import KIND, PublicKey, distinct, of_settings
from baton.bus.signing.ssh_key import SshKey, decoded, ssh_string, ssh_strings
from baton.text.printable import printable

ES256 = "sk-ecdsa-sha2-nistp256@openssh.com"
EDDSA = "sk-ssh-ed25519@openssh.com"
KINDS = (ES256, EDDSA)
MUST = (
    f"a line such as `{KIND} AAAAC3... name`, or that of a passkey, `{ES256} AAAA... name`, as the"
    " console shows it"
)
_CURVE = b"nistp256"
_HEADS = {
    bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200"): ES256,
    bytes.fromhex("302a300506032b6570032100"): EDDSA,
}
"""How keys of these kinds begin in X.509: there is no other way to write the same (DER)."""
_SITE = re.compile(r"(?!-)[a-z0-9.-]{1,253}(?<![-.])")


@dataclass(frozen=True)
class Passkey(SshKey):
    """The public key of a passkey for `site`: `raw` is a point of P-256 that is not compressed
    (65 bytes), or a key of Ed25519 (32 bytes)."""

    raw: bytes
    site: str
    name: str = ""

    @property
    @override
    def kind(self) -> str:
        """What OpenSSH calls keys like it."""
        return EDDSA if len(self.raw) == 32 else ES256

    @cached_property
    @override
    def blob(self) -> bytes:
        """The key as the protocols of SSH write it."""
        curve = [_CURVE] if self.kind == ES256 else []
        parts = [self.kind.encode(), *curve, self.raw, self.site.encode()]
        return b"".join(map(ssh_string, parts))

    @classmethod
    def of_blob(cls, blob: bytes, name: str = "") -> Passkey:
        """Return the key whose blob this is. Raises ValueError."""
        kind, *parts = ssh_strings(blob)
        if kind == ES256.encode() and len(parts) == 3 and parts[0] == _CURVE:
            parts = parts[1:]
            good = len(parts[0]) == 65 and parts[0][:1] == b"\4"
        else:
            good = kind == EDDSA.encode() and len(parts) == 2 and len(parts[0]) == 32
        if not good:
            raise ValueError(f"{MUST}; its second word holds no key of these kinds")
        site = parts[1].decode("ascii", "replace")
        if not _SITE.fullmatch(site):
            raise ValueError(f"{MUST}; it is for no site, such as baton.example.com")
        return cls(parts[0], site, printable(name.strip())[:100])


def of_browser(key: bytes, site: str, name: str) -> Passkey:
    """Return the public key that a browser hands out for a new passkey for `site`, as an X.509
    SubjectPublicKeyInfo. Raises ValueError."""
    head = next((head for head in _HEADS if key.startswith(head)), None)
    if head is None:
        raise ValueError("a key of another kind than ES256 and EdDSA")
    curve = [_CURVE] if _HEADS[head] == ES256 else []
    parts = [_HEADS[head].encode(), *curve, key[len(head) :], site.encode()]
    return Passkey.of_blob(b"".join(map(ssh_string, parts)), name)


ApproverKey = PublicKey | Passkey
"""What approvals can be signed with."""


def approver_key(line: str) -> ApproverKey:
    """Return the key in `line`. Raises ValueError that says what it must be."""
    words = line.split(None, 2)
    if not words or words[0] not in KINDS:
        return PublicKey.parse(line, MUST)
    if len(words) < 2 or len(line) > 1_000:
        raise ValueError(MUST)
    found = of_blob(words[1], words[2] if len(words) > 2 else "")
    if found.kind != words[0]:
        raise ValueError(f"{MUST}; its second word holds a key of another kind than its first says")
    return found


def of_blob(text: str, name: str = "") -> ApproverKey:
    """Return the key whose blob is `text` in base 64. Raises ValueError."""
    try:
        blob = decoded(text)
        kind = ssh_strings(blob)[:1]
    except ValueError as error:
        raise ValueError(f"{MUST}; the second word cannot be read: {error}") from None
    if kind == [KIND.encode()]:
        return PublicKey.of_bytes(blob, name)
    return Passkey.of_blob(blob, name)


def _lines(value: Any) -> Any:
    return of_settings(value, approver_key)


ApproverLines = Annotated[
    tuple[ApproverKey, ...], BeforeValidator(_lines), AfterValidator(distinct)
]
"""A list of keys of people in settings, each once."""
