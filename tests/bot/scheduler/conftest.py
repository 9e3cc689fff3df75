"""A store of the test's own, and a dispatcher with a timekeeper and a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.dispatch.policy import Policy
from bot.store import Store
from tests.bot.scheduler.office import Office


@pytest.fixture
def office(store: Store) -> Callable[..., Office]:
    """Makes an office over the store; several are bots that share it."""

    def make(policy: Policy | None = None) -> Office:
        return Office(store, policy)

    return make
