"""What can be wrong with keys."""

from __future__ import annotations

from baton.errors import BatonError


class KeyUnusable(BatonError):
    """The private key {file} cannot be used: {reason}. {fix}"""

    permanent = True


class AgentUnusable(BatonError):
    """The ssh-agent cannot be used: {reason}. Add your key with ssh-add, or name its file
    (--key)."""

    permanent = True


class ApprovalUnusable(BatonError):
    """The approval cannot be signed: {reason}"""

    permanent = True


class SigningNotInstalled(BatonError):
    """Signatures need the package `cryptography`, which is not installed. Install Baton with its
    extra `signing`, from the folder or the wheel that it came from: pip install '.[signing]' -c
    constraints.txt"""

    permanent = True
