"""The errors that a front end may raise."""

from __future__ import annotations

from baton.errors import BatonError


class FrontError(BatonError):
    """{front} rejected the message: {reason}."""


class Throttled(FrontError):
    """{front} limits the rate of requests: wait {seconds} s."""

    def __init__(self, front: str, seconds: float) -> None:
        super().__init__(front=front, seconds=seconds)
        self.seconds = seconds


class Uncertain(FrontError):
    """{front} did not answer ({reason}): it is not known whether the message was posted."""


class Unreachable(FrontError):
    """{front} cannot be reached ({reason}): the message was not sent."""


class MessageDeleted(FrontError):
    """The message in {front} was deleted."""

    permanent = True


class Unpostable(FrontError):
    """{front} does not allow this post here: {reason}. {remedy}"""

    permanent = True
