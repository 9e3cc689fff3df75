"""Parses what people type: removes chat formatting, and normalizes quotes, dashes and invisible
characters.

This is the one parser of words for every front end, for schedules and for alerts. What stands after
`because` is a reason in somebody's own words: it is kept as it was typed. Pure.
"""

from __future__ import annotations

import difflib
import heapq
import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import takewhile

from baton.errors import UsageError
from baton.text.printable import FILLERS, VARIATIONS, printable

BECAUSE = "because"
"""What comes after this word is one word, whatever stands in it."""

_QUOTES = str.maketrans(
    {
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2018\u2019\u201a\u201b", "'"),
    }
)
_DASHES = "\u2013\u2014"
_BLANKS = frozenset(("Zs", "Zl", "Zp"))
_UNSEEN = frozenset(("Cc", "Cf", "Cs"))
_SLACK_LINK = re.compile(r"<([#@!]?)([^<>|\s]+)(?:\|([^<>]*))?>")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
_LONG_DASH = re.compile(rf"(^|\s)[{_DASHES}](?=\w)")
_REASON = re.compile(r"\sbecause(?=\s)", re.IGNORECASE)
_MARKS = ("```", "`", "*", "_", "~")
_AFTER_NAME = " \t\n:,;.!-\u2013\u2014"
_STOPS = ".!?\u3002\uff01\uff1f"
MAX_CITED = 60
"""Characters of a word that are shown when something is wrong with it."""
_COMPARED = 100_000
"""How many words are compared with one of `n` characters, times n^2: comparing takes as long."""
_BEGINNING = 20
"""Characters of a word by which those that are worth comparing are found."""


def plain(text: str) -> str:
    """Return `text` as it was meant.

    It has straight quotes, `--` for a long dash, plain spaces, nothing that cannot be seen, and no
    escapes of Slack; the reason after `because` stays as it was typed.
    """
    said, reason = _reason_apart(unescaped(text))
    seen = "".join(map(_seen, said))
    return _LONG_DASH.sub(r"\1--", seen.translate(_QUOTES)) + reason


def _reason_apart(text: str) -> tuple[str, str]:
    """What comes before and with the word `because`, and what after it."""
    reason = _REASON.search(text)
    end = reason.end() if reason else len(text)
    return text[:end], text[end:]


def unescaped(text: str) -> str:
    """Return `text` without Slack's escapes.

    It writes `<#C1|ops>` for #ops, `<@U1|ann>` for @ann and `<https://x|x>` for a link
    (docs.slack.dev, "Formatting message text").
    """
    text = _SLACK_LINK.sub(_meant, text)
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    return text


def escaped(text: str) -> str:
    """Return `text` so that `unescaped` returns it."""
    for entity, character in reversed(_ENTITIES):
        text = text.replace(character, entity)
    return text


def _meant(match: re.Match[str]) -> str:
    sign, target, label = match.groups()
    if sign in ("#", "@"):
        return f"{sign}{label or target}"
    if sign == "!":
        kind, *rest = target.split("^")
        if kind == "date" and label:
            return str(label)
        name = label or (rest[0] if kind == "subteam" and rest else kind)
        return f"@{name.removeprefix('@')}"
    return label if label and label in target else target


def _seen(character: str) -> str:
    """The character as it is meant: every kind of space is a space, what cannot be seen (format
    and control characters, by their Unicode category; fillers and selectors) is nothing."""
    if character in "\t\n\r\v\f\x85":
        return character if character in "\t\n" else " "
    if character.isascii() and character.isprintable():
        return character
    category = unicodedata.category(character)
    if category in _BLANKS:
        return " "
    unseen = category in _UNSEEN or character in FILLERS or character in VARIATIONS
    return "" if unseen else character


def tidied(text: str) -> str:
    """Return `text` with plain spaces and without characters that cannot be seen.

    The reason after `because` and Slack's escapes stay.
    """
    said, reason = _reason_apart(text)
    return ("".join(map(_seen, said)) + reason).strip()


def after_name(text: str) -> str:
    """Return what is said after somebody's name: `: ping prod` is `ping prod`."""
    return unmarked(tidied(text).lstrip(_AFTER_NAME))


def unmarked(text: str) -> str:
    """Return `text` without the one pair of formatting marks (bold, code, ...) around it."""
    text = text.strip()
    for mark in _MARKS:
        inner = text.removeprefix(mark).removesuffix(mark)
        if len(text) - len(inner) == 2 * len(mark) and inner.strip() and mark not in inner:
            return inner.strip()
    return text


def without_stop(text: str) -> str | None:
    """Return `text` without the full stop (or `!`, `?`) at its end.

    Returns None if it ends in none, or in a reason.
    """
    kept = text.rstrip()
    shorter = kept.rstrip(_STOPS)
    if shorter == kept or not shorter or shorter[-1].isspace() or _REASON.search(text):
        return None
    return shorter


def channels(text: str) -> list[str]:
    """Return the ids of the channels in `text`, as Slack writes them; `plain` keeps their names."""
    return [found[2] for found in _SLACK_LINK.finditer(text) if found[1] == "#"]


def split(text: str) -> list[str]:
    """Return the words of `text`: quotes group, blanks divide, and nothing else of a shell.

    An apostrophe within a word is a letter of it. What comes after the word `because` is one word,
    as it was typed. Raises UsageError if a quote is not closed.
    """
    text = unescaped(text)
    words: list[str] = []
    word: list[str] | None = None
    quote, opened, quotes = "", 0, False
    for at, typed in enumerate(text):
        character = _seen(typed).translate(_QUOTES)
        if not character:
            continue
        if quote:
            if character == quote and not (quote == "'" and _in_a_word(text, at)):
                quote = ""
            else:
                assert word is not None
                word.append(character)
        elif character.isspace():
            if word is not None:
                words.append("".join(word))
                if not quotes and words[-1].lower() == BECAUSE and text[at:].strip():
                    return [*words, text[at:].strip()]
            word, quotes = None, False
        elif character == '"' or (character == "'" and not (word and _letter_before(text, at))):
            word = [] if word is None else word
            quote, opened, quotes = character, at, True
        elif word is None and character in _DASHES and _letter(text[at + 1 : at + 2]):
            word = ["--"]
        else:
            word = [] if word is None else word
            word.append(character)
    if quote:
        where = cited(text[opened:])
        raise UsageError(f"A quote is not closed. It begins at {where}.")
    return words if word is None else [*words, "".join(word)]


def _letter(text: str) -> bool:
    return bool(text) and (text.isalnum() or text == "_")


def _letter_before(text: str, at: int) -> bool:
    return at > 0 and _letter(text[at - 1])


def _in_a_word(text: str, at: int) -> bool:
    return _letter_before(text, at) and _letter(text[at + 1 : at + 2])


def quoted(word: str) -> str:
    """Return `word` so that `split` reads it as one word."""
    if word and word.lower() != BECAUSE and not re.search(r"[\s'\"\u2013\u2014]", word):
        return word
    if '"' not in word:
        return f'"{word}"'
    return "".join(f"'{part}'" if part == '"' else f'"{part}"' for part in _parts(word))


def _parts(word: str) -> list[str]:
    return [part for part in re.split(r'(")', word) if part]


def joined(words: Sequence[str]) -> str:
    """Return `words` as one text that `split` reads as these words."""
    return kept(spaced(words))


def kept(text: str) -> str:
    """Return `text` so that `split` reads it as it is: with escapes, if it would read some of it as
    Slack's. What was typed once and read is not read so again."""
    return text if unescaped(text) == text else escaped(text)


def spaced(words: Sequence[str]) -> str:
    """Return `words` as one text, each quoted if it must be; not yet `kept`."""
    if len(words) > 1 and words[-2].lower() == BECAUSE and words[-1]:
        return " ".join([*map(quoted, words[:-2]), words[-2], words[-1]])
    return " ".join(map(quoted, words))


def shortened(word: str) -> str:
    """Return `word` as people see it: the beginning of a long one."""
    shown = printable(word)
    return shown if len(shown) <= MAX_CITED else f"{shown[: MAX_CITED - 1]}…"


def cited(word: str) -> str:
    """Return `“word”`, shortened."""
    return f"“{shortened(word)}”"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the one of `known` that `word` was most likely meant to be, if any is near enough."""
    word = word.lower()
    if not word or len(word) > 2 * MAX_CITED:
        return None
    most = _COMPARED // len(word) ** 2
    beginning = word[:_BEGINNING]

    def unlike(other: str) -> tuple[int, int]:
        same = (one == two for one, two in zip(beginning, other, strict=False))
        return -sum(takewhile(bool, same)), abs(len(other) - len(word))

    likely = heapq.nsmallest(most, (other for other in known if len(other) < 3 * len(word)), unlike)
    found = difflib.get_close_matches(word, likely, n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ` Did you mean X?`, or an empty text."""
    near = nearest(word, known)
    return f" Did you mean {near}?" if near else ""
