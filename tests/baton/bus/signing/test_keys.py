"""Keys: the line of a public one, the file of a private one, and OpenSSH on both."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from baton.bus.signing.errors import KeyUnusable
from baton.bus.signing.private_key import PrivateKey
from baton.bus.signing.public_key import KeyLines, PublicKey

NEW = PrivateKey.new("ann")
LINE = NEW.public.line


class Trusting(BaseModel):
    keys: KeyLines = ()


def ssh_keygen(*words: str) -> str:
    return subprocess.run(
        ["ssh-keygen", *words], check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL
    ).stdout


def test_a_line_is_read_as_it_was_written() -> None:
    """With its name, with several words, and without."""
    assert PublicKey.parse(LINE) == NEW.public
    assert PublicKey.parse(f"  {LINE} of the night\n").name == "ann of the night"
    assert PublicKey.parse(" ".join(LINE.split()[:2])).line == " ".join(LINE.split()[:2])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "a line such as"),
        ("ssh-ed25519", "a line such as"),
        ("ssh-ed25519 !!!! ann", "no base 64"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== ann", "no key of this kind"),
        (LINE.replace("AAAAC3Nz", "AAAAC3Nx"), "no key of this kind"),
        ("ssh-rsa AAAAB3NzaC1yc2E= bob", "ssh-rsa are not used"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "this is a private key"),
        (LINE + "x" * 1_000, "a line such as"),
    ],
    # not by the lines: the key is another one in each process, and all must collect the same tests
    ids=["nothing", "no key", "no base64", "short", "wrong kind", "rsa", "private", "long"],
)
def test_a_line_that_is_no_key_says_what_it_must_be(line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        PublicKey.parse(line)


def test_a_list_names_the_key_that_is_there_twice() -> None:
    """Under two names it is still one key: with approvals it would count twice."""
    again = " ".join([*LINE.split()[:2], "bob"])
    with pytest.raises(ValidationError, match=re.escape(NEW.public.fingerprint)):
        Trusting.model_validate({"keys": [LINE, again]})
    with pytest.raises(ValidationError, match="a list of lines"):
        Trusting.model_validate({"keys": LINE})
    assert Trusting.model_validate({"keys": [LINE]}).keys == (NEW.public,)


def test_openssh_reads_our_keys_and_we_read_its(tmp_path: Path) -> None:
    """`ssh-keygen` shows the same line and fingerprint, and makes keys that will do."""
    NEW.save(tmp_path / "ours")
    assert ssh_keygen("-y", "-f", str(tmp_path / "ours")).split()[:2] == LINE.split()[:2]
    assert NEW.public.fingerprint in ssh_keygen("-l", "-f", str(tmp_path / "ours"))
    ssh_keygen("-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "theirs"))
    public = PublicKey.parse((tmp_path / "theirs.pub").read_text())
    assert PrivateKey.load(tmp_path / "theirs", {}).public.raw == public.raw


def test_a_new_file_is_for_its_owner_alone_and_overwrites_none(tmp_path: Path) -> None:
    """The old key would be lost, and with it every server that trusts it."""
    file = tmp_path / "key"
    NEW.save(file)
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    with pytest.raises(KeyUnusable, match="never overwritten"):
        PrivateKey.new().save(file)
    assert file.read_bytes() == before


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """It names the mode and the command; a credential of systemd has modes of its own."""
    file = tmp_path / "key"
    NEW.save(file)
    file.chmod(0o640)
    with pytest.raises(KeyUnusable, match=r"mode is 0640\)\. Run: chmod 600"):
        PrivateKey.load(file, {})
    credentials = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert PrivateKey.load(Path("key"), credentials).public.raw == NEW.public.raw
    assert PrivateKey.load(file, credentials).public.raw == NEW.public.raw


def test_a_file_that_is_no_key_says_why(tmp_path: Path) -> None:
    """Missing, empty, the public half, locked, of another kind, a folder."""
    wrong = {"empty": "", "public": LINE, "noise": "-----BEGIN OPENSSH PRIVATE KEY-----\nAA\n"}
    for name, text in wrong.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    ssh_keygen("-q", "-t", "ed25519", "-N", "secret", "-f", str(tmp_path / "locked"))
    ssh_keygen("-q", "-t", "ecdsa", "-N", "", "-f", str(tmp_path / "ecdsa"))
    (tmp_path / "folder").mkdir(mode=0o700)
    for name, reason in {
        "missing": "no such file",
        "empty": "no key of OpenSSH",
        "public": "it holds the public key",
        "noise": "no key of OpenSSH",
        "locked": "locked with a passphrase",
        "ecdsa": "no key of the kind ed25519",
        "folder": "Is a directory|it is no file",
    }.items():
        with pytest.raises(KeyUnusable, match=reason):
            PrivateKey.load(tmp_path / name, {})
