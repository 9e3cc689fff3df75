"""The words of a shell are those of the chat."""

from __future__ import annotations

import pytest

from baton.text.words import split
from bot.cli.console.chat import text_of


@pytest.mark.parametrize(
    "words",
    [
        ["deploy", "shop", "prod"],
        ["schedule", "deploy", "shop", "prod", "--ref", "a b", "weekdays", "at", "9am"],
        ["alerts", "silence", "host=~web-.*", "it's", 'say "x"', ""],
        ["alerts", "silence", "env=prod", "for", "2h", "because", "we are “moving” – to “b”"],
        ["ship", "--ref", "<x>", "&lt;", "because", "<#C1|ops>"],
    ],
)
def test_each_word_of_the_shell_is_a_word_of_the_chat(words: list[str]) -> None:
    assert split(text_of(words)) == words


def test_a_reason_may_be_several_words() -> None:
    """As in chat, all that follows `because` is the reason."""
    words = ["alerts", "silence", "env=prod", "because", "it's", "maintenance"]
    assert split(text_of(words)) == [*words[:4], "it's maintenance"]
