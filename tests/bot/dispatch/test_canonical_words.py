"""A command and its words are the same thing: what a form shows can be typed, and the other way
round."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from baton.command import Command, words_of
from baton.errors import UsageError
from baton.extensions import installed
from baton.fields import FieldSpec, fields_of
from baton.text.words import tidied
from bot.app.dispatching import commands_of

COMMANDS = commands_of(installed())
TYPED = st.text(alphabet=st.sampled_from("aZ9 -_=.,:;/<>&|@#!?*`~\"'–—\\because")).filter(
    lambda text: bool(text) and tidied(text) == text
)
"""What people can type, with all that a parser of words has a meaning for; curly quotes are read as
straight ones."""
WORD = st.one_of(
    st.sampled_from(["because", "for", "--all", "ref=v2", "a&lt;b", "<@U1|ann>", "<b>", "v2"]),
    st.from_regex(r"[a-z0-9]{4,8}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,8}", fullmatch=True),
    TYPED,
)


def values(spec: FieldSpec) -> st.SearchStrategy[Any]:
    """What may stand in a field."""
    if spec.choices:
        return st.sampled_from(spec.choices)
    if spec.flag:
        return st.booleans()
    if spec.many:
        return st.lists(WORD, min_size=1, max_size=4)
    if spec.meant == "a whole number":
        return st.integers(1, 1000)
    return WORD


@pytest.mark.parametrize("name", sorted(COMMANDS))
@given(data=st.data())
def test_the_words_of_a_command_mean_that_command(name: str, data: st.DataObject) -> None:
    """Whatever stands in its fields, as far as it can be typed."""
    model = COMMANDS[name].command
    arguments = {
        spec.name: data.draw(values(spec), label=spec.name)
        for spec in fields_of(model)
        if spec.required or data.draw(st.booleans(), label=f"has {spec.name}")
    }
    try:
        command: Command = model.from_arguments(arguments)
    except UsageError:
        assume(False)
    assert COMMANDS.parse(words_of(command)) == command


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_is_built_from_its_own_arguments(name: str) -> None:
    """As a form sends them; a name may have its slash."""
    model = COMMANDS[name].command
    required = [spec for spec in fields_of(model) if spec.required]
    arguments = {spec.name: ["shop"] if spec.many else "shop" for spec in required}
    arguments |= {spec.name: spec.choices[0] for spec in required if spec.choices}
    command = COMMANDS.build(f"/{name}", arguments)
    assert COMMANDS.build(name, command.model_dump(mode="json")) == command


def test_what_cannot_be_typed_is_no_command() -> None:
    """It would read otherwise wherever it is shown, and in the audit log."""
    with pytest.raises(UsageError, match=r"“command” holds .* cannot be typed") as raised:
        COMMANDS.build("help", {"command": "de\u200bploy"})
    assert raised.value.field == "command"
