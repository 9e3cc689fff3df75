"""Each command that the bot answers itself has a handler."""

from __future__ import annotations

import pytest

from baton.errors import ExtensionError
from bot.app.dispatching import ANSWERED_HERE
from bot.dispatch.dispatcher import CommandDispatcher
from bot.priority import ForegroundPriority
from bot.store import Store
from tests.bot.counter import Counter


@pytest.fixture
def counter(store: Store) -> Counter:
    return Counter(store)


async def test_what_is_answered_here_has_somebody_who_answers(counter: Counter) -> None:
    """That nobody answers a command is an error at the start, not when somebody asks for it."""
    assert {one.command.name for one in ANSWERED_HERE} <= {*counter.handlers}
    assert "servers" in counter.handlers
    del counter.handlers["jobs"]
    with pytest.raises(ExtensionError, match="extension jobs cannot be used"):
        CommandDispatcher(
            counter.dispatcher.commands,
            counter.handlers,
            counter.dispatcher._gatekeeper,
            counter.authorizer,
            counter.audit_log,
            counter.store.ledger,
            counter.servers,
            job_changed=counter.woken.append,
            priority=ForegroundPriority(),
        )
