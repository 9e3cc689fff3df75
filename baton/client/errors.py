"""The errors of a program or the command line that uses a console."""

from __future__ import annotations

from baton.errors import BatonError


class ClientError(BatonError):
    """The console at {url} cannot be used: {reason}."""


class NotConfigured(ClientError):
    """No console is configured. Run `baton login URL` with the address of your console, or set
    BATON_URL and BATON_TOKEN."""

    permanent = True


class NotSignedIn(ClientError):
    """{reason} Get a token in chat with `/baton token new NAME --scope ask`, and run `baton login
    {url}`."""

    permanent = True


class NotAllowed(ClientError):
    """{reason}"""

    permanent = True


class NotFound(ClientError):
    """{reason}"""

    permanent = True


class NotDone(ClientError):
    """{reason}"""

    permanent = True


class Conflict(ClientError):
    """{reason}"""

    permanent = True


class TooManyRequests(ClientError):
    """{reason}"""


class Unavailable(ClientError):
    """The console at {url} cannot answer now: {reason}"""


class Unreachable(ClientError):
    """The console at {url} cannot be reached since {since}: {reason}. {known}"""


class UnexpectedAnswer(ClientError):
    """The console at {url} answered something that this version of Baton does not understand:
    {reason}."""

    permanent = True
