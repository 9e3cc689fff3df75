from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.errors import UsageError
from baton.text.words import (
    after_name,
    cited,
    did_you_mean,
    joined,
    nearest,
    plain,
    quoted,
    split,
    tidied,
    unmarked,
    without_stop,
)
from tests.support.quick import quickly


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
        ("<!subteam^S1|@admins>", "@admins"),
        ("<!subteam^S1>", "@S1"),
        ("<!here>", "@here"),
        ("<!here|here>", "@here"),
        ("<!date^1392734382^{date}|18 Feb>", "18 Feb"),
        ("<http://web-1.example.com|web-1.example.com>", "web-1.example.com"),
        ("<https://example.com/a>", "https://example.com/a"),
        ("<https://example.com|the site>", "https://example.com"),
        ("&lt;b&gt; &amp;lt;", "<b> &lt;"),
        ("shop\u00a0prod", "shop prod"),
        ("sh\u200bop", "shop"),
        ("ping\u3000staging\u2003x", "ping staging x"),
        ("staging\u200e\u2066\u00ad", "staging"),
        ("\u3164sta\ufe0fging\u115f\u1160\uffa0\u034f\u180b\U000e0101", "staging"),
        ("a <> b", "a <> b"),
        ("a ‘b’\u3000because ‘it’s’ &lt;\u200d", "a 'b' because ‘it’s’ <\u200d"),
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


@pytest.mark.parametrize("text", ["'", '"a', "say “hello", "'" + "x" * 5000])
def test_an_open_quote_is_said(text: str) -> None:
    """A quote that is never closed is the user's mistake and is named, in a line."""
    with pytest.raises(UsageError, match="quote is not closed") as raised:
        split(text)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("don’t", ["don't"]),
        ("the servers' disks", ["the", "servers'", "disks"]),
        ("'it's here' now", ["it's here", "now"]),
        ("for 2h because it's being replaced", ["for", "2h", "because", "it's being replaced"]),
        (
            "for 2h Because Sam's disk isn't “there”",
            ["for", "2h", "Because", "Sam's disk isn't “there”"],
        ),
        ('for 2h because 15" is enough', ["for", "2h", "because", '15" is enough']),
        ("because a  b\n c &amp; d", ["because", "a  b\n c & d"]),
        ("because of", ["because", "of"]),
        ("x because", ["x", "because"]),
        ("'because' it's", ["because", "it's"]),
        ("name='a because b' x", ["name=a because b", "x"]),
        ("x because خ\u200cب", ["x", "because", "خ\u200cب"]),
    ],
)
def test_people_write_as_they_speak(text: str, words: list[str]) -> None:
    """An apostrophe within a word is a letter; a reason is kept as it was typed."""
    assert split(text) == words
    assert split(joined(words)) == words


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (" ping staging", "ping staging"),
        (": ping staging", "ping staging"),
        (", ping staging", "ping staging"),
        (" — ping staging", "ping staging"),
        (" `ping staging`", "ping staging"),
        (": *ping staging*", "ping staging"),
        (" ```\nping staging\n```", "ping staging"),
        ("\u3000ping\u3000staging\u200e", "ping staging"),
        ("ping\u3164 staging\ufe0e\uffa0", "ping staging"),
        (" _ping_ `staging`", "_ping_ `staging`"),
        (" `ping` `staging`", "`ping` `staging`"),
        ("", ""),
        (" ``", "``"),
    ],
)
def test_what_surrounds_a_command_in_chat_is_taken_off(said: str, meant: str) -> None:
    """Punctuation after the name, and one pair of formatting marks round the whole."""
    assert after_name(said) == meant


def test_a_full_stop_is_taken_off_only_where_it_may_be_one() -> None:
    """Not within a reason, and never the whole of what was said."""
    assert without_stop("ping staging.") == "ping staging"
    assert without_stop("ping staging!! ") == "ping staging"
    assert without_stop("ping staging\u3002") == "ping staging"
    assert without_stop("ping staging") is None
    assert without_stop("ping .") is None
    assert without_stop("...") is None
    assert without_stop("silence host=a for 2h because it broke.") is None


@given(st.text())
def test_nothing_that_is_typed_stops_the_readers(text: str) -> None:
    """Each of them gives text for any text, and what was tidied stays as it is."""
    assert tidied(tidied(text)) == tidied(text)
    assert len(unmarked(text)) <= len(text)
    assert isinstance(after_name(text), str)
    assert without_stop(text) is None or text.startswith(without_stop(text) or "x")


def test_a_long_word_is_shown_by_its_beginning() -> None:
    """So that what is wrong with it can be read; nothing in it is obeyed."""
    assert cited("staging") == "“staging”"
    assert len(cited("x" * 7000)) < 70
    assert cited("a\x1b[31mb\u202e\n") == "“ab ”"


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


@given(st.lists(st.sampled_from(["<x>", "<#C1|ops>", "&lt;", "&amp;lt;", "a&b", "<", "'", " "])))
def test_words_that_were_read_are_not_read_again_as_slacks(words: list[str]) -> None:
    """Slack's escapes are undone once, where its text arrives: what somebody meant to write as
    `<x>` or `&lt;` stays that in the words of a schedule."""
    assert split(joined(words)) == words


def test_did_you_mean() -> None:
    """A near miss is named, in whatever case it was typed; a far one is not."""
    assert nearest("DEPLYO", ["deploy", "ping"]) == "deploy"
    assert nearest("xyz", ["deploy", "ping"]) is None
    assert did_you_mean("pign", ["deploy", "ping"]) == " Did you mean ping?"
    assert did_you_mean("xyz", ["deploy"]) == ""


@pytest.mark.parametrize("word", ["a" * 120, "a" * 30, "web-9.prod.exampl.com", "\u202e" * 100])
def test_a_hint_costs_little_however_much_is_known(word: str) -> None:
    """As the names of thousands of servers."""
    known = [f"web-{number}.prod.example.com" for number in range(3_000)]
    known += ["a" * (number % 130) for number in range(3_000)]
    quickly(lambda: nearest(word, known))
    assert nearest("web-1500.prod.exampel.com", known) == "web-1500.prod.example.com"
