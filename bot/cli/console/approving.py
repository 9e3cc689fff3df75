"""`baton approve JOB --sign`: a person signs the plan of a job with a key of their own."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.console.session import say

if TYPE_CHECKING:
    from baton.bus.plans import Plan
    from baton.bus.signing.public_key import PublicKey
    from baton.bus.signing.ssh_agent import SshAgent
    from baton.client import Client


async def signature_of(client: Client, job: str, key: Path | None) -> tuple[str, str]:
    """Return the digest of the plan of `job`, and what signs it: with the private key in the file
    `key`; if that is a public key, or none is named, with an ssh-agent.

    What is signed is shown first. It is what we make of the plan, whatever digest a console names.
    Raises ApprovalUnusable, AgentUnusable, KeyUnusable.
    """
    from baton.bus.plans import plan_digest, plan_words
    from baton.bus.signing.approval import approval, approved_text, write_token
    from baton.bus.signing.errors import ApprovalUnusable

    plan = await client.plan(job)
    if plan is None:
        raise ApprovalUnusable(reason=f"{job} waits for nobody, or has no plan yet. See: baton log")
    if not plan.fits:
        raise ApprovalUnusable(
            reason=f"the plan of {job} is for {len(plan.hosts)} servers, too many for a request to "
            "carry it whole, so no server could count a signature. Ask for fewer at a time"
        )
    digest, at = plan_digest(plan), datetime.now(UTC).replace(microsecond=0)
    for line in (_what(plan), *plan_words(plan)):
        say(line)
    text = approved_text(digest, at)
    public, signature = _signed(text, key)
    say(f"signed with {public.label}: plan {digest.removeprefix('sha256:')[:8]}")
    return digest, write_token(approval(digest, at, public, signature), public)


def _what(plan: Plan) -> str:
    given = " ".join(f"{name}={value}" for name, value in plan.arguments.items() if value)
    return f"{plan.command} {given}".strip()


def _signed(text: bytes, key: Path | None) -> tuple[PublicKey, bytes]:
    from baton.bus.signing.errors import KeyUnusable
    from baton.bus.signing.private_key import PrivateKey
    from baton.bus.signing.public_key import PublicKey
    from baton.bus.signing.ssh_agent import SshAgent

    if key is not None:
        try:
            public = PublicKey.parse(key.read_text()[:2_000])
        except OSError as error:
            reason = f"it cannot be read ({error.strerror})"
            raise KeyUnusable(file=key, reason=reason, fix="") from None
        except ValueError:
            private = PrivateKey.load(key, {})
            return private.public, private.sign(text)
        return public, SshAgent(os.environ).sign(public, text)
    agent = SshAgent(os.environ)
    public = _only(agent)
    return public, agent.sign(public, text)


def _only(agent: SshAgent) -> PublicKey:
    from baton.bus.signing.errors import ApprovalUnusable

    keys = agent.keys()
    if len(keys) == 1:
        return keys[0]
    if not keys:
        raise ApprovalUnusable(
            reason="the ssh-agent has no key of the kind ed25519. Add yours with ssh-add."
        )
    names = ", ".join(key.label for key in keys)
    raise ApprovalUnusable(
        reason=f"the ssh-agent has several keys ({names}). Name the public one: --key FILE.pub"
    )
