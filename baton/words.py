"""What people type, as words: quotes, escapes and the helpful keyboards of phones undone. Pure."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable

from baton.errors import UsageError

_KEYBOARD = str.maketrans(
    {
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2018\u2019\u201a\u201b", "'"),
        **dict.fromkeys("\u00a0\u2007\u202f", " "),  # spaces that do not break
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff", None),  # nothing to be seen
    }
)
_SLACK_LINK = re.compile(r"<([#@!]?)([^<>|\s]+)(?:\|([^<>]*))?>")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
_LONG_DASH = re.compile(r"(^|\s)[\u2013\u2014](?=\w)")


def plain(text: str) -> str:
    """`text` as it was meant: straight quotes, `--` for a long dash, and Slack's escapes undone.

    Slack writes `<#C1|ops>` for #ops, `<@U1|ann>` for @ann and `<https://x|x>` for a link
    (docs.slack.dev, "Formatting message text").
    """
    text = _SLACK_LINK.sub(_meant, text)
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    return _LONG_DASH.sub(r"\1--", text.translate(_KEYBOARD))


def _meant(match: re.Match[str]) -> str:
    sign, target, label = match.groups()
    if sign in ("#", "@"):
        return f"{sign}{label or target}"
    if sign == "!":
        return f"@{label or target.partition('^')[0]}"
    return label if label and label in target else target


def channels(text: str) -> list[str]:
    """The ids of the channels in `text`, as Slack writes them; `plain` keeps their names."""
    return [found[2] for found in _SLACK_LINK.finditer(text) if found[1] == "#"]


def split(text: str) -> list[str]:
    """The words of `text`, as a shell would split it, and nothing more of what a shell does.

    Raises UsageError if a quote is left open.
    """
    lexer = shlex.shlex(plain(text), posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.escape = ""
    try:
        return list(lexer)
    except ValueError:
        raise UsageError("A quote is opened and not closed.") from None


def quoted(word: str) -> str:
    """`word` so that `split` reads it back as one word."""
    if word and not re.search(r"[\s'\"]", word):
        return word
    return shlex.quote(word)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `word` was most likely meant to be, if any is near enough."""
    found = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean X?`, or nothing."""
    near = nearest(word, known)
    return f" Did you mean {near}?" if near else ""
