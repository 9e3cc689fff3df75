"""How a command goes through its servers, in its form: the words and the fields are one thing."""

from __future__ import annotations

from typing import ClassVar

import pytest

from baton.consumer import Extension
from baton.errors import UsageError
from baton.extensions import Commands
from bot.app.dispatching import commands_of
from bot.dispatch.gates.words import read_said, without_rollout
from bot.dispatch.rollout_form import (
    FIELDS,
    rolled,
    rollout_fields,
    rollout_filled,
    rollout_line,
    rollout_words,
)
from tests.bot.build import Hail
from tests.bot.build import Ship as Plain
from tests.bot.rolling import COMMANDS, Ship

EACH_ONE = (
    "--canary 1 --wave 25% --max-unavailable 2 --max-failed 1 --healthy-for 2m --pause=each --back"
)


class Own(Ship):
    """Put an app somewhere, with a canary of its own."""

    name: ClassVar[str] = "own"
    canary: str = ""


@pytest.mark.parametrize("beside", ["", "--canary 1", "--pause", "--pause=often", EACH_ONE])
def test_words_and_fields_are_one_thing(beside: str) -> None:
    """From what was typed to the fields, and back to the same words."""
    text = f"/ship shop prod {beside}".strip()
    rest, filled = without_rollout(text, COMMANDS)
    assert rest == "/ship shop prod"
    assert rolled(rest, rollout_words(filled), "") == text


def test_every_field_is_a_word_that_the_bot_reads() -> None:
    """And every word has its field."""
    _, filled = without_rollout(f"/ship shop prod {EACH_ONE}", COMMANDS)
    assert list(filled) == list(FIELDS)
    settings = read_said(f"ship shop prod {EACH_ONE}", COMMANDS).rollout
    assert settings is not None
    assert settings.model_fields_set == set(FIELDS)
    form = {f"rollout-{name}": value for name, value in filled.items()} | {"f-canary": "9"}
    assert rollout_filled(form) == filled


def test_which_commands_have_such_a_section() -> None:
    """Those that change each server by itself; what cannot be taken back offers no way back, and an
    option of the command's own is its own."""
    assert rollout_fields(Hail, {}, {}) == []
    assert rollout_line(Hail, {}) is None
    assert [one.name for one in rollout_fields(Ship, {}, {})] == list(FIELDS)
    assert "back" not in [one.name for one in rollout_fields(Plain, {}, {})]
    assert "canary" not in [one.name for one in rollout_fields(Own, {}, {})]
    own = commands_of(Commands([Extension(Own)]))
    assert without_rollout("/own shop prod --canary a --back", own) == (
        "/own shop prod --canary a",
        {"back": "yes"},
    )


def test_what_is_no_rollout_stays_as_it_is() -> None:
    """What cannot be split, what starts nothing, and what else is said beside a command."""
    for text in ('ship "', "hail prod --canary 1", "what --canary 1", "ship shop prod --why", ""):
        assert without_rollout(text, COMMANDS) == (text, {})


def test_a_word_without_its_value_is_not_lost() -> None:
    """While somebody types, the form must not say less than they do."""
    with pytest.raises(UsageError, match="--canary: a value is missing: it must be a number") as it:
        without_rollout("/ship shop prod --canary", COMMANDS)
    assert it.value.field == "canary"


def test_a_schedule_has_no_rollout_of_its_own() -> None:
    """Only rules say how it goes through its servers."""
    with pytest.raises(UsageError, match="by a rule") as it:
        rolled("/ship shop prod", "--canary 1", "every 5m")
    assert it.value.field == "when"
