"""What a script learns from the exit code."""

from __future__ import annotations

import pytest

from baton.client import (
    Conflict,
    Job,
    NotAllowed,
    NotConfigured,
    NotFound,
    NotSignedIn,
    Run,
    TooManyRequests,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
)
from baton.errors import BatonError, SettingsError, UsageError
from bot.cli.console.exit_codes import of_ending, of_error


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("succeeded", 0),
        ("failed", 1),
        ("refused", 1),
        ("expired", 1),
        ("unroutable", 1),
        ("blocked", 1),
        ("cancelled", 3),
        ("interrupted", 4),
        ("lost", 4),
        ("running", 4),
    ],
)
def test_each_state_has_its_code(state: str, code: int) -> None:
    """Also beside a server where all went well. What is still open is not known."""
    good = Run(host="web-1", state="succeeded")
    for runs in ((Run(host="web-2", state=state),), (good, Run(host="web-2", state=state))):
        assert of_ending(Job(id="j", runs=runs).ending) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (SettingsError(), 2),
        (NotConfigured(), 2),
        (NotSignedIn(), 2),
        (NotAllowed(), 1),
        (NotFound(), 1),
        (Conflict(), 1),
        (TooManyRequests(), 1),
        (Unavailable(), 1),
        (Unreachable(), 4),
        (UnexpectedAnswer(), 4),
    ],
)
def test_each_error_has_its_code(error: BatonError, code: int) -> None:
    """Where no answer came, nobody knows what became of the request."""
    assert of_error(error) == code
