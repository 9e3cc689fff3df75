"""The module `rbit` that old runners import, for those that run in the worker itself.

In other interpreters processors/child.py puts one in place, of the same two names.
"""

from __future__ import annotations

import sys

from baton import errors
from baton.worker.processors.child import make_rbit


class Failed(errors.Failed):
    """{reason}"""

    def __init__(self, *words: object) -> None:
        super().__init__(" ".join(map(str, words)))


class Blocked(errors.Blocked):
    """{reason}"""

    def __init__(self, *words: object) -> None:
        super().__init__(" ".join(map(str, words)))


def install() -> None:
    """Make `import rbit` find `Failed` and `Blocked`, whatever else is installed by that name."""
    for error in (Failed, Blocked):
        error.__module__ = "rbit"
    sys.modules["rbit"] = make_rbit(Failed, Blocked)
