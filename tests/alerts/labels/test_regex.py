"""Regular expressions that people write: Alertmanager's dialect, and never slow."""

from __future__ import annotations

import contextlib
from functools import partial

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alerts.labels.matchers import Matchers
from alerts.labels.regex import InvalidRegex, Regex
from baton.errors import UsageError
from tests.support.quick import quickly

WITHIN = 0.010
"""Seconds of processor time that a value of 4 KB may take."""
VALUES = ("a" * 4096, "é" * 2048, "ab" * 2047 + "!", "x1-" * 1365, "漢" * 1365, "aab" * 1365)

_atoms = st.sampled_from(
    [
        "a",
        "b",
        "x",
        ".",
        "!",
        "é",
        "\\d",
        "\\w",
        "\\pL",
        "\\pN",
        "[ab]",
        "[^a]",
        "[[:alpha:]]",
        "(?i:a)",
    ]
)
_repeats = st.sampled_from(
    ["*", "+", "?", "*?", "{0,9}", "{1,30}", "{3}", "{100}", "{1,1000}", "{2,}"]
)
_expressions = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds("({}){}".format, inner, _repeats),
        st.lists(inner, min_size=2, max_size=30).map("|".join).map("({})".format),
        st.builds(lambda one, times: one * times, inner, st.integers(1, 60)),
    ),
    max_leaves=25,
)


@settings(max_examples=150)
@given(_expressions)
@example("(.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.)*!")
@example("(a|a)*b")
@example("(.?.?)*!")
@example("(a+)+!")
@example("(a?){60}a{60}")
@example("(?:.*a.{1,12}){3}b")
@example(".*[ab].{60}z")
@example("(?:.*x){60}")
@example("|".join(f"web-{number}.example.com" for number in range(200)))
@example(".*\\pL\\d.*")
def test_no_expression_is_slow(text: str) -> None:
    """An accepted expression returns within 10 ms on 4 KB; the others are refused with a reason."""
    with contextlib.suppress(InvalidRegex):
        pattern = Regex(text)
        for value in VALUES:
            quickly(partial(pattern.matches, value), within=WITHIN)


@pytest.mark.parametrize(
    "text",
    [
        "(?:.?){900}!",
        ".*[ab].{900}z",
        "(?:.*x){300}",
        "(.*a.{1,100}){3}b",
        ".*a.{300}b",
        "a" * 4097,
    ],
)
def test_what_would_be_slow_by_its_size_is_refused(text: str) -> None:
    """RE2's time grows with the size: these take 12 to 34 ms on 4 KB."""
    with pytest.raises(InvalidRegex, match=r"too large|longer than"):
        Regex(text)


def test_many_of_them_are_not_slow_either() -> None:
    """Matchers are tried on every check, so all of them together are limited too."""
    for text in ("a=b " * 65, "a=~'(.?){60}' " * 40):
        with pytest.raises(UsageError, match="Too many matchers"):
            Matchers.parse(text)
    Matchers.parse("a=b " * 64)


@pytest.mark.parametrize(
    ("text", "value", "matches"),
    [
        ("web-[[:digit:]]+", "web-12", True),
        ("web-[[:digit:]]+", "web-:", False),
        (r"web-\d{1,3}", "web-123", True),
        (r"web-\d{1,3}", "web-1234", False),
        ("a|b", "ab", False),  # anchored as a whole
        ("(?i)WEB", "web", True),
        (r"\pL+", "дом", True),
        ("a.b", "a\nb", False),
        ("(?s)a.b", "a\nb", True),
        ("web$", "web\n", False),
        ("", "", True),
        (".", "\ud800", True),  # no valid Unicode, and yet a value
        ("x" * 4096, "x" * 4096, True),
        ("|".join(f"web-{number}" for number in range(400)), "web-399", True),
    ],
)
def test_the_dialect_is_alertmanagers(text: str, value: str, matches: bool) -> None:
    assert Regex(text).matches(value) is matches


def test_nothing_is_written_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    for text in ("(", "[[a", "a{1001}", "(?=x)", "[b-a]", "a" * 5000):
        with pytest.raises(UsageError, match="Invalid regular expression"):
            Matchers.parse(f'x=~"{text}"')
    Regex("[[:digit:]&&x]*").matches("1" * 4096)
    assert capfd.readouterr() == ("", "")
