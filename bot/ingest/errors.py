"""The errors of rejected input from others."""

from __future__ import annotations

from typing import ClassVar

from baton.errors import BatonError


class Rejected(BatonError):
    """{reason}"""

    kind: ClassVar[str] = "invalid"
    """The reason, as metrics have it."""
    permanent = True


class BadInput(Rejected):
    """{field}: {reason}."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field=field, reason=reason.rstrip("."))

    @property
    def field(self) -> str:
        """Where it is, as the sender knows it: `alerts[2].labels`."""
        return str(self.facts["field"])
