"""A real ssh-agent signs, and what is said if it cannot."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import threading
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from baton.bus.plans import Plan, SurveyFacts, make_plan, plan_digest
from baton.bus.signing.approval import Approval
from baton.bus.signing.approver_ring import ApproverRing, read_token
from baton.bus.signing.errors import AgentUnusable, ApprovalUnusable
from baton.bus.signing.private_key import PrivateKey
from baton.bus.signing.public_key import PublicKey
from baton.bus.signing.ssh_agent import SshAgent
from bot.cli.console.approving import signature_of
from tests.support.wait import until

PLAN = make_plan("7k2mabcd", "deploy", {"app": "shop"}, {"web-1": SurveyFacts(commit="c0ffee")})


class Console:
    """A console with one job that waits."""

    def __init__(self, plan: Plan | None = PLAN) -> None:
        self._plan = plan

    async def plan(self, job: str) -> Plan | None:
        return self._plan


@pytest.fixture
async def agent(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Path]:
    folder = tmp_path_factory.mktemp("a")
    path = folder / "s"
    process = await asyncio.create_subprocess_exec(
        "ssh-agent", "-D", "-a", str(path), stdout=DEVNULL, stderr=DEVNULL
    )
    await until(lambda: listens(path))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    try:
        yield folder
    finally:
        process.kill()
        await process.wait()


def listens(path: Path) -> bool:
    """Whether somebody takes connections there: the file is there a moment before that."""
    with socket.socket(socket.AF_UNIX) as link:
        return link.connect_ex(str(path)) == 0


def add(folder: Path, name: str, kind: str = "ed25519") -> Path:
    """A key that the agent has; the file of its public half."""
    file = folder / name
    for words in (
        ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", str(file)],
        ["ssh-add", "-q", str(file)],
    ):
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    file.unlink()
    return file.with_suffix(".pub")


def approved_by(token: str) -> Approval:
    return read_token(token, plan_digest(PLAN))


async def test_a_plan_is_signed_with_the_key_that_the_agent_keeps(
    agent: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is signed is shown; the private key is in no file any more."""
    public = PublicKey.parse(add(agent, "bea").read_text())
    add(agent, "other", "ecdsa")
    digest, token = await signature_of(Console(), "7k2m", None)  # type: ignore[arg-type]
    assert digest == plan_digest(PLAN)
    given = approved_by(token)
    assert given.key == public.fingerprint
    counted = ApproverRing([public], None).counted(digest, [given], given.at)
    assert [key.name for key in counted.keys] == ["bea"]
    said = capsys.readouterr().err
    assert "deploy app=shop" in said
    assert "1 server (web-1): nothing -> c0ffee" in said


async def test_of_several_keys_one_must_be_named(agent: Path) -> None:
    """By its public file; then the agent signs with that one."""
    with pytest.raises(ApprovalUnusable, match="has no key of the kind ed25519"):
        await signature_of(Console(), "7k2m", None)  # type: ignore[arg-type]
    add(agent, "bea")
    named = add(agent, "cem")
    with pytest.raises(ApprovalUnusable, match=r"several keys.*--key"):
        await signature_of(Console(), "7k2m", None)  # type: ignore[arg-type]
    _, token = await signature_of(Console(), "7k2m", named)  # type: ignore[arg-type]
    assert approved_by(token).key == PublicKey.parse(named.read_text()).fingerprint


async def test_a_key_in_a_file_signs_without_an_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a job that has no plan is not signed."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    key = PrivateKey.new()
    key.save(tmp_path / "key")
    _, token = await signature_of(Console(), "7k2m", tmp_path / "key")  # type: ignore[arg-type]
    assert approved_by(token).key == key.public.fingerprint
    with pytest.raises(AgentUnusable, match="SSH_AUTH_SOCK is not set"):
        await signature_of(Console(), "7k2m", None)  # type: ignore[arg-type]
    with pytest.raises(ApprovalUnusable, match="waits for nobody"):
        await signature_of(Console(None), "7k2m", None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0\0\0\1\5",
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
        b"\0\0\0\5\x0c\0\0\0\1",
        b"\0\0\0\2\x0c",
    ],
)
def test_an_agent_that_answers_nonsense_is_an_error(tmp_path: Path, answer: bytes) -> None:
    """It refuses, breaks off, or says that more follows than does."""
    path = f"{tmp_path}/s"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()

        def serve() -> None:
            link, _ = listening.accept()
            with link:
                link.recv(100)
                link.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(AgentUnusable):
            SshAgent({"SSH_AUTH_SOCK": path}).keys()
        thread.join()
    os.unlink(path)
    with pytest.raises(AgentUnusable, match="No such file"):
        SshAgent({"SSH_AUTH_SOCK": path}).keys()


def test_a_word_that_is_no_signature_of_this_plan_says_so() -> None:
    """Of another plan, or not of a plan at all."""
    for word, reason in (
        ("", "no signature of an approval"),
        ("a,b,c", "a line such as"),
        (
            f"2026-01-01T00:00:00+00:00,{PrivateKey.new().public.line.split()[1]},AAAA",
            "of another plan",
        ),
    ):
        with pytest.raises(ValueError, match=reason):
            read_token(word, plan_digest(PLAN))
