"""The form of a command: what it has of its definition, and what was typed before it was opened."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.bus.messages import Heartbeat
from baton.errors import UsageError
from bot.dispatch.command_form import (
    CommandForm,
    begun,
    filled_from,
    filled_so_far,
    form_fields,
    form_of,
    words_from,
)
from bot.dispatch.live_commands import LiveCommands
from bot.dispatch.policy import EnvironmentTable, Policy
from bot.dispatch.reply import Reply, ReplyKind
from bot.store import Store
from tests.bot.build import ANN, OPS
from tests.bot.counter import GUEST, Counter
from tests.bot.worker import runner, worker_facts
from tests.bot.world import COMMANDS, no_groups
from tests.support.servers import make_registry

RUNNER = runner(
    arguments={
        "month": {"type": "choice", "of": ["may", "june"], "default": "may"},
        "quiet": {"type": "flag", "default": True},
        "draft": {"type": "flag"},
        "note": {"type": "text", "required": False},
    }
)


@pytest.fixture
def live() -> LiveCommands:
    """What can be asked while a worker declares that runner."""
    servers = make_registry()
    servers.record(Heartbeat(facts=worker_facts("worker-1", RUNNER), interval=15.0))
    return LiveCommands(COMMANDS, servers)


def test_a_field_shows_what_it_stands_for_if_nothing_is_said(live: LiveCommands) -> None:
    """And a form that nobody touched equals the bare command."""
    fields = form_fields(live["report"].command, {}, {})
    assert {one.name: one.value for one in fields} == {
        "month": "may",
        "quiet": "yes",
        "draft": "no",
        "note": "",
    }
    untouched = {one.name: one.value for one in fields if one.value}
    assert words_from(live, "report", untouched) == words_from(live, "report", {}) == "/report"


def test_a_flag_that_is_on_by_default_can_be_taken_off(live: LiveCommands) -> None:
    """There and back."""
    words = words_from(live, "report", {"quiet": "no", "draft": "yes"})
    assert words == "/report --quiet=no --draft"
    assert filled_from(live.parse(words), words) == {"quiet": "no", "draft": "yes"}


def test_a_field_that_is_gone_is_not_passed_over(live: LiveCommands) -> None:
    """A form may be older than the command, and what it says may matter."""
    with pytest.raises(UsageError, match="The command has changed") as found:
        words_from(live, "report", {"year": "2026"})
    assert found.value.field == "year"
    with pytest.raises(UsageError, match="Unknown command"):
        words_from(live, "accounts", {})


@pytest.mark.parametrize(
    ("typed", "filled"),
    [
        ("ship", {}),
        ("/ship shop", {"app": "shop"}),
        ("ship shop --ref v2", {"app": "shop", "ref": "v2"}),
        ("ship shop prod --rfe v2", {"app": "shop", "environment": "prod"}),
        ("ship shop --ref", {"app": "shop"}),
        ('ship "shop', {}),
        ("run report --month june --quiet=off", {"month": "june", "quiet": "no"}),
        ("alerts why <web-1> &amp; x", {"words": 'why "<web-1>" & x'}),
    ],
)
def test_what_was_typed_is_filled_in(
    live: LiveCommands, typed: str, filled: dict[str, str]
) -> None:
    """As far as it can be followed."""
    command, words = begun(live, typed)
    found = filled_so_far(command, words)
    if command.name == "alerts":
        assert live.parse(f"alerts {found['words']}") == live.parse(typed)
    else:
        assert found == filled


@given(st.text(max_size=200))
def test_whatever_was_typed_there_is_a_form_or_none(typed: str) -> None:
    """Never an error beside the usage."""
    for text in (typed, f"ship {typed}", f"/alerts {typed}"):
        if form_of(COMMANDS, text):
            command, words = begun(COMMANDS, text)
            form_fields(command, {}, filled_so_far(command, words))


async def test_a_form_is_for_whoever_may_ask(store: Store) -> None:
    """It offers what they may see; a guest has none, and an unknown command neither."""
    shut = Policy(environments={"prod": EnvironmentTable(protected=True)})
    counter = Counter(store, shut)

    async def form(text: str, person: object = ANN) -> CommandForm | Reply:
        asker = GUEST if person is GUEST else ANN
        return await counter.dispatcher.form(text, asker=asker, groups=no_groups, place=OPS)

    found = await form("ship shop")
    assert isinstance(found, CommandForm)
    known = {one.name: one.options for one in found.fields}
    assert (known["environment"], known["host"]) == (("staging",), ("web-9",))
    assert found.when is not None
    refused = await form("ship", GUEST)
    assert isinstance(refused, Reply)
    assert refused.kind is ReplyKind.REFUSED
    unknown = await form("shipp")
    assert isinstance(unknown, Reply)
    assert "Did you mean ship?" in unknown.text
    assert await store.audit.recent(5) == []


async def test_a_form_is_offered_where_it_helps(store: Store) -> None:
    """With what cannot be followed, and with help; with no refusal, and of nothing to fill in."""
    counter = Counter(store)
    assert (await counter.ask("ship shop")).form_of == "ship shop"
    assert (await counter.ask("help ship")).form_of == "ship"
    for other in ("ship shop prod", "shipp", "help", "help console", "console x"):
        assert (await counter.ask(other)).form_of == "", other
