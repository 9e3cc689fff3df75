"""The exit codes of what is asked of a console. Pure.

0 succeeded · 1 not · 2 usage or settings · 3 cancelled · 4 not known · 130 stopped by Ctrl-C
"""

from __future__ import annotations

from baton.client.errors import NotConfigured, NotSignedIn, UnexpectedAnswer, Unreachable
from baton.client.models import Ending
from baton.errors import BatonError, SettingsError, UsageError

SUCCEEDED, FAILED, USAGE, CANCELLED, UNKNOWN = range(5)
STOPPED = 130
"""What a shell expects of a program that SIGINT stopped. A job goes on."""

_OF_ENDING = {
    Ending.SUCCEEDED: SUCCEEDED,
    Ending.FAILED: FAILED,
    Ending.CANCELLED: CANCELLED,
    Ending.UNKNOWN: UNKNOWN,
}


def of_ending(ending: Ending | None) -> int:
    """Return the code for how a job ended; None is that nobody knows."""
    return UNKNOWN if ending is None else _OF_ENDING[ending]


def of_error(error: BatonError) -> int:
    """Return the code for an error. If no answer came, nobody knows what became of the request."""
    if isinstance(error, UsageError | SettingsError | NotConfigured | NotSignedIn):
        return USAGE
    return UNKNOWN if isinstance(error, Unreachable | UnexpectedAnswer) else FAILED
