"""Passkeys: the line that settings hold, and every reason for which one does not count."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from baton.bus.messages import now
from baton.bus.signing.approval import Approval, write_token
from baton.bus.signing.approver_ring import ApproverRing, read_token
from baton.bus.signing.passkey import ES256, Passkey, approver_key, of_blob
from baton.bus.signing.private_key import PrivateKey
from baton.bus.signing.ssh_key import ssh_string
from tests.support.authenticator import PAGE, SITE, Authenticator

PLAN, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
BEA, EDA = Authenticator("bea"), Authenticator("eda", ed25519_key=True)
SSH = PrivateKey.new("cem")


@pytest.mark.parametrize("key", [BEA.public, EDA.public, SSH.public])
def test_a_key_is_the_line_that_openssh_reads(key: Any, tmp_path: Path) -> None:
    """So people compare its fingerprint with tools that they have."""
    assert approver_key(key.line) == key
    assert of_blob(key.line.split()[1], key.name) == key
    if shutil.which("ssh-keygen") is None:
        pytest.skip("there is no ssh-keygen")
    (tmp_path / "key.pub").write_text(key.line + "\n")
    shown = subprocess.run(
        ["ssh-keygen", "-lf", str(tmp_path / "key.pub")], capture_output=True, text=True, check=True
    )
    assert key.fingerprint in shown.stdout


def blob(*parts: bytes) -> str:
    return base64.b64encode(b"".join(map(ssh_string, parts))).decode()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "a line such as"),
        (ES256, "a line such as"),
        (f"{ES256} !", "no base 64"),
        (f"{ES256} AAAA", "ends too early"),
        (f"{ES256} {blob(ES256.encode(), b'nistp256', b'4' * 65, SITE.encode())}", "no key of"),
        (f"{ES256} {blob(ES256.encode(), b'nistp384', BEA.public.raw, b'x')}", "no key of"),
        (f"{ES256} {blob(ES256.encode(), b'nistp256', BEA.public.raw, b'ssh:')}", "for no site"),
        (f"{ES256} {EDA.public.line.split()[1]}", "of another kind than its first"),
        ("ssh-rsa AAAA bea", "keys of the kind ssh-rsa are not used"),
    ],
)
def test_a_line_that_is_no_key_says_why(line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        approver_key(line)


def counted(given: Approval, *keys: Any, plan: str = PLAN) -> tuple[list[str], str]:
    """Who has approved the plan, and why not."""
    found = ApproverRing(keys or (BEA.public, EDA.public, SSH.public), [PAGE]).counted(
        plan, [given], now()
    )
    return [key.name for key in found.keys], " ".join(found.doubts)


@pytest.mark.parametrize("key", [BEA, EDA])
def test_what_it_signs_counts_and_travels_as_one_word(key: Authenticator) -> None:
    given = key.approves(PLAN, now())
    assert counted(given) == ([key.public.name], "")
    token = write_token(given, key.public)
    assert read_token(token, PLAN) == given
    assert len(token) < 1_500
    with pytest.raises(ValueError, match="it is of another plan"):
        read_token(token, OTHER)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"type": "webauthn.create"}, r"asked for something else \(webauthn.create\)"),
        ({"challenge": "AAAA"}, "it is of another plan"),
        ({"origin": "https://evil.example.com"}, "on the page https://evil.example.com, which"),
        ({"origin": f"{PAGE}.evil.com"}, "which is not one of origins"),
        ({"crossOrigin": True}, "inside of another page"),
        ({"site": "evil.example.com"}, f"for another site than {SITE}"),
        ({"flags": 0x04}, "nobody was there"),
        ({"flags": 0x01}, "did not prove to be themselves"),
    ],
)
def test_what_a_browser_did_otherwise_does_not_count(more: dict[str, Any], reason: str) -> None:
    """Each is signed rightly by the passkey itself, so only the check stands in its way."""
    names, why = counted(BEA.approves(PLAN, now(), **more))
    assert names == []
    assert why.startswith("that of bea does not count: ")
    assert re.search(reason, why), why


def test_what_somebody_changed_or_made_up_does_not_count() -> None:
    """A bot that is taken over has all that was signed before, and can write anything beside it."""
    good = BEA.approves(PLAN, now())
    assert good.passkey is not None
    wrong_page = BEA.approves(PLAN, now(), origin="https://evil.example.com")
    assert wrong_page.passkey is not None
    stolen = good.model_copy(update={"passkey": wrong_page.passkey})
    assert "which is not one of origins" in counted(stolen)[1]
    page_changed = wrong_page.model_copy(update={"passkey": good.passkey})
    assert "it is not signed with" in counted(page_changed)[1]
    assert "it is of another plan" in counted(good, plan=OTHER)[1]
    later = good.model_copy(update={"at": good.at.replace(year=good.at.year - 1)})
    assert "it is older than 24 hours" in counted(later)[1]
    assert "this key is not one of those" in counted(Authenticator().approves(PLAN, now()))[1]
    assert "not given with a passkey" in counted(good.model_copy(update={"passkey": None}))[1]
    of_eda = EDA.approves(PLAN, now()).model_copy(update={"key": BEA.public.fingerprint})
    assert "it is not signed with" in counted(of_eda)[1]
    for broken in ("AAAA", base64.b64encode(b"[1]").decode(), base64.b64encode(b"{").decode()):
        changed = good.passkey.model_copy(update={"client": broken})
        assert "cannot be read" in counted(good.model_copy(update={"passkey": changed}))[1]
    short = good.passkey.model_copy(update={"authenticator": "AAAA"})
    assert "another site" in counted(good.model_copy(update={"passkey": short}))[1]
    nowhere = Passkey(b"\4" + b"1" * 64, SITE, "bea")
    made_up = good.model_copy(update={"key": nowhere.fingerprint})
    assert "it is not signed with" in counted(made_up, nowhere)[1]


@pytest.mark.parametrize("key", [BEA, EDA])
def test_no_byte_of_it_can_be_another(key: Authenticator) -> None:
    """Of what the authenticator and the browser said, and of the signature."""
    good = key.approves(PLAN, now())
    assert good.passkey is not None
    ring = ApproverRing([key.public], [PAGE])

    def changed(text: str) -> Iterator[str]:
        raw = base64.b64decode(text)
        for place in range(len(raw)):
            other = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
            yield base64.b64encode(other).decode()
        yield base64.b64encode(raw[:-1]).decode()
        yield base64.b64encode(raw + b" ").decode()

    passkey = good.passkey
    others = [
        *(good.model_copy(update={"signature": one}) for one in changed(good.signature)),
        *(
            good.model_copy(update={"passkey": passkey.model_copy(update={name: one})})
            for name in ("authenticator", "client")
            for one in changed(getattr(passkey, name))
        ),
    ]
    assert len(others) > 250
    for one in others:
        found = ring.counted(PLAN, [one], now())
        assert not found.keys
        assert len(found.doubts) == 1
