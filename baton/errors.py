"""Everything that Baton itself can raise: one tree.

The docstring of a class is its message: a template over the facts that the raiser gives. Whether a
second try could help is a field, `permanent`, so that callers decide without knowing each class.
"""

from __future__ import annotations

import inspect
import re
from typing import ClassVar

_LONG = re.compile(r"(\S{60})\S{41,}")
"""A word so long that it would hide the words around it."""


class BatonError(Exception):
    """Something went wrong in Baton: {reason}."""

    permanent: ClassVar[bool] = False

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        template = inspect.cleandoc(type(self).__doc__ or "")
        # a fact that is empty leaves no blanks at the end
        super().__init__(" ".join(template.split()).format_map(_Facts(facts)).rstrip())


class _Facts(dict[str, object]):
    """A fact that was not given shows as its name, so an error never fails while it is made."""

    def __missing__(self, key: str) -> str:
        return f"<{key}>"


class Disconnected(BatonError):
    """No connection to RabbitMQ at {url}: {reason}."""


class NotMade(Disconnected):
    """No connection to RabbitMQ at {url}: {reason}."""


class BusBlocked(BatonError):
    """RabbitMQ at {url} accepts no messages at the moment: {reason}."""


class Unconfirmed(BatonError):
    """RabbitMQ did not confirm {key} on {exchange} ({reason}): it may still be delivered."""


class Unroutable(BatonError):
    """Nobody is listening: no queue takes {key} on {exchange}."""

    permanent = True


class BusRefused(BatonError):
    """RabbitMQ refuses user {user} {what}: {reason}. {fix}"""

    permanent = True


class QueueMismatch(BusRefused):
    """The queue {queue} exists with other settings ({reason}).

    Delete it, or run one version of Baton everywhere."""


class InvalidMessage(BatonError):
    """This is not a valid message: {reason}."""

    permanent = True


class UnknownType(InvalidMessage):
    """This is not a message that Baton knows: its type is {type}."""


class NotBelieved(InvalidMessage):
    """This {type} is not believed: {reason}."""


class UsageError(BatonError):
    """{problem}

    {usage}"""

    permanent = True

    def __init__(self, problem: str, usage: str = "", field: str = "") -> None:
        problem = _LONG.sub(r"\1…", problem)
        self.problem, self.usage, self.field = problem, usage, field
        Exception.__init__(self, f"{problem}\n{usage}" if usage else problem)
        self.facts = {"problem": problem, "usage": usage, "field": field}


class SettingsError(BatonError):
    """{file}: {key}: {problem}. It must be {must}."""

    permanent = True


class JournalUnavailable(BatonError):
    """The journal {path} cannot be used ({reason}): no request is run until that is fixed. {fix}"""

    def __init__(
        self,
        path: object,
        reason: object,
        fix: str = "Free some disk, or fix the permissions of its folder.",
    ) -> None:
        super().__init__(path=path, reason=reason, fix=fix)


# These three say how a run ends, and are public: their reason is what people read. A runner of a
# worker raises Blocked when its job waits for something else, and is looked at again later.


class Refused(BatonError):
    """{reason}"""

    permanent = True

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)


class Failed(BatonError):
    """{reason}"""

    permanent = True

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)


class Blocked(BatonError):
    """{reason}"""

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)


class ExtensionError(BatonError):
    """The extension {name} cannot be used: {reason}."""

    permanent = True


class PackageHidden(BatonError):
    """{found} hides Baton's own package `{package}`: {folder} comes before Baton on Python's path
    {because}. {fix}"""

    permanent = True
