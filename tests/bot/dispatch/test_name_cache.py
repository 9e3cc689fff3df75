"""What people and channels are called."""

from __future__ import annotations

from dataclasses import replace

from baton.bus.messages import Person
from bot.store import Store
from tests.bot.build import OPS
from tests.bot.counter import SECRET, Counter


async def test_a_mention_is_audited_by_the_names_that_were_heard_before(store: Store) -> None:
    """A mention names neither its author nor its channel; what a slash command named is known, by
    a bot that starts later too."""
    await Counter(store).ask("help")
    later = Counter(store)
    await later.ask("help", Person(id="U_ANN"), place=replace(OPS, name=""))
    entry = await later.audit()
    assert (entry.person.name, entry.place.name) == ("ann", "ops")
    await later.ask("help", Person(id="U_ANN"), place=replace(SECRET, name=""))
    assert (await later.audit()).place.name == ""
