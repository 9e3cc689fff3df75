from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.errors import UsageError
from baton.words import did_you_mean, nearest, plain, quoted, split


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("“shop”", '"shop"'),
        ("„shop“ ‘prod’", "\"shop\" 'prod'"),
        ("shop —ref v2", "shop --ref v2"),
        ("shop –ref v2", "shop --ref v2"),
        ("—ref v2", "--ref v2"),
        ("a — b", "a — b"),
        ("2020–2021", "2020–2021"),
        ("<#C024BE7LR|ops>", "#ops"),
        ("<#C024BE7LR>", "#C024BE7LR"),
        ("<@U024BE7LR|ann>", "@ann"),
        ("<@U024BE7LR>", "@U024BE7LR"),
        ("<!subteam^S1|@admins>", "@@admins"),
        ("<!here>", "@here"),
        ("<http://web-1.example.com|web-1.example.com>", "web-1.example.com"),
        ("<https://example.com/a>", "https://example.com/a"),
        ("<https://example.com|the site>", "https://example.com"),
        ("&lt;b&gt; &amp;lt;", "<b> &lt;"),
        ("shop\u00a0prod", "shop prod"),
        ("sh\u200bop", "shop"),
        ("a <> b", "a <> b"),
    ],
)
def test_what_a_client_made_of_the_words_is_undone(typed: str, meant: str) -> None:
    """Curly quotes, long dashes, hard spaces and Slack's escapes read as what was meant."""
    assert plain(typed) == meant


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("   ", []),
        ("shop prod", ["shop", "prod"]),
        ("shop\tprod\n--ref v2", ["shop", "prod", "--ref", "v2"]),
        ("say “two words”", ["say", "two words"]),
        ("ref='v 2'", ["ref=v 2"]),
        ("''", [""]),
        (
            "$(rm -rf /) `id` ; | & > # !",
            ["$(rm", "-rf", "/)", "`id`", ";", "|", "&", ">", "#", "!"],
        ),
        (r"a\ b", ["a\\", "b"]),
    ],
)
def test_words_are_split_as_in_a_shell_and_nothing_else_of_a_shell_happens(
    text: str, words: list[str]
) -> None:
    """Quotes group, blanks divide; nothing is expanded, escaped, commented out or run."""
    assert split(text) == words


@pytest.mark.parametrize("text", ["'", '"a', "say “hello", "don’t"])
def test_an_open_quote_is_said(text: str) -> None:
    """A quote that is never closed is the user's mistake and is named."""
    with pytest.raises(UsageError, match="quote is opened"):
        split(text)


@given(st.text())
def test_any_text_is_words_or_one_usage_error(text: str) -> None:
    """Whatever is typed, splitting gives words or a UsageError, never anything else."""
    try:
        words = split(text)
    except UsageError:
        return
    assert all(isinstance(word, str) for word in words)


@given(st.lists(st.text(alphabet="abAB09 \t'\"$\\`;=-_./é日", max_size=8), max_size=4))
def test_quoted_words_are_read_back(words: list[str]) -> None:
    """split(quoted(w)) is w again, quotes of both kinds and blanks included."""
    assert split(" ".join(quoted(word) for word in words)) == words


def test_did_you_mean() -> None:
    """A near miss is named, in whatever case it was typed; a far one is not."""
    assert nearest("DEPLYO", ["deploy", "ping"]) == "deploy"
    assert nearest("xyz", ["deploy", "ping"]) is None
    assert did_you_mean("pign", ["deploy", "ping"]) == " Did you mean ping?"
    assert did_you_mean("xyz", ["deploy"]) == ""
