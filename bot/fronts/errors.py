"""What can go wrong in a front end."""

from __future__ import annotations

from baton.errors import BatonError


class FrontError(BatonError):
    """{front} did not take the message: {reason}."""


class Throttled(FrontError):
    """{front} asks us to wait {seconds} s."""

    def __init__(self, front: str, seconds: float) -> None:
        super().__init__(front=front, seconds=seconds)
        self.seconds = seconds


class Uncertain(FrontError):
    """{front} did not answer ({reason}): the message may be there or not."""


class Unreachable(FrontError):
    """{front} cannot be reached ({reason}): the message was not sent."""


class Gone(FrontError):
    """The message is no longer in {front}: somebody deleted it."""

    permanent = True


class Unpostable(FrontError):
    """{front} will not show this here: {reason}. {remedy}"""

    permanent = True
