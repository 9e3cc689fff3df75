"""Secrets that sign people in: made here, given out once, stored as a hash. Pure but for chance."""

from __future__ import annotations

import hashlib
import re
import secrets

PREFIX = "baton_"
"""Begins every secret, so that programs that search for secrets find one that leaked."""
_SECRET = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")


def new_secret() -> str:
    """Return a secret of 256 bits by chance."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """Return what is stored of `secret`; empty if it has not the form of one.

    Nobody guesses 256 bits, so the hash need not be slow as that of a password, and what it takes
    to look it up tells nothing about the secret.
    """
    if _SECRET.fullmatch(secret) is None:
        return ""
    return hashlib.sha256(secret.encode()).hexdigest()
