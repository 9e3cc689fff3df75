"""Draws posts about alerts. A colour accompanies the words and never replaces them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import zip_longest

from alerts import AlertContent
from alerts.links import Link
from alerts.notify.notification import ACKNOWLEDGE, SILENCE, WHY
from baton.text.printable import printable
from bot.content import ASK, Button
from bot.fronts.slack.blocks.text import MAX_SECTION, clean, escape, escaped

ROOM, ROW = 8_000, 400
"""Characters of all that is listed, and of one row."""
_SIGNS = {
    "firing": "🔴",
    "flapping": "🟠",
    "acknowledged": "🟡",
    "resolved": "🟢",
    "expired": "⚪",
    "blind": "⚫",
}
_OVER = frozenset(("resolved", "expired"))
_MARK = re.compile(r"(?<![A-Za-z0-9])[*_~](?=\S)|(?<=\S)[*_~](?![A-Za-z0-9])|`")
"""What Slack would take for the beginning or the end of bold, italic, struck or code."""
_PLAIN = {"*": "∗", "_": "ˍ", "~": "∼", "`": "'"}
_TYPED = {
    ACKNOWLEDGE: "alerts ack {}",
    SILENCE: "alerts silence {}",
    WHY: "alerts why {}",
}
_MENTION = re.compile(r"<?[@!#]?(?:subteam\^)?(?:([UW][A-Z0-9]{5,})|(S[A-Z0-9]{5,}))>?")
_LOUD = frozenset({"here", "channel"})


def alert_text(content: AlertContent) -> str:
    """Return the post as one line, for notifications and screen readers; for a single alert with
    its details."""
    known = content.rows[0][2] if _single(content) else ""
    return f"{_headline(content)}: {known}" if known else _headline(content)


def _headline(content: AlertContent) -> str:
    severity = f", {content.severity}" if content.severity and content.state not in _OVER else ""
    return f"{content.state}{severity}: {content.title}" if content.state else content.title


def words(text: str, most: int) -> str:
    """Return the text of others in at most `most` characters of one line. No link, mention,
    quote or formatting in it takes effect, and it cannot fake a line of its own."""
    text = printable(text)
    if text.startswith(">"):
        text = f"›{text[1:]}"
    return escaped(_MARK.sub(lambda found: _PLAIN[found[0]], text), most)


def alert_sections(content: AlertContent) -> list[str]:
    """Return the post as mrkdwn, in pieces that each fit into a section."""
    head = f"{_SIGNS.get(content.state, '')} *{words(_headline(content), 500)}*".strip()
    called = " ".join(map(mention, content.mention.split()))
    told: tuple[str, ...] = (*content.lines, content.footer)
    if _single(content):
        rows, told = _of_one(content)
    else:
        rows = [
            f"• *{words(what, 150)}* {words(state, 100)}"
            + (f"  {words(known, ROW)}" if known else "")
            for what, state, known in content.rows
        ]
    links = [*map(_linked, content.links)]
    rows += [""] * (len(links) - len(rows))
    rows = [" ".join(filter(None, pair)) for pair in zip_longest(rows, links, fillvalue="")]
    lines = (words(line, ROW) for line in told if clean(line).strip())
    return _paged(filter(None, [f"{head} {called}".strip(), *rows, *lines]))


def _linked(links: Iterable[Link]) -> str:
    """Return `links` as Slack shows them, by name. An address is never cut: it would lead
    elsewhere."""
    shown = (f"<{escape(address)}|{words(name, 40)}>" for name, address in links)
    return " · ".join(shown)


def _single(content: AlertContent) -> bool:
    """Return whether the post is about one alert, which the title names."""
    return [what for what, _, _ in content.rows] == [content.title]


def _of_one(content: AlertContent) -> tuple[list[str], tuple[str, ...]]:
    """Return what the headline does not say about its only alert, and further lines."""
    ((_, state, known),) = content.rows
    said = f"{content.state}, {content.severity}"
    parts = [words(state, 100)] if state != said else []
    parts += [words(known, ROW)] if known else []
    lines = [line for line in content.lines if line not in (state, f"1 {content.state}")]
    return ["; ".join(parts)] if parts else [], (*lines, content.footer)


def alert_buttons(content: AlertContent) -> list[Button]:
    """Return the buttons; each runs a command that could also be typed."""
    return [
        Button(f"{ASK}.{action}", label, _TYPED[action].format(value))
        for action, label, value in content.buttons
    ]


def mention(name: str) -> str:
    """Return the mention of a member (U...), a user group (S...), @here or @channel, as Slack
    writes it; other words are unchanged."""
    found = _MENTION.fullmatch(name)
    if found is not None:
        return f"<@{found[1]}>" if found[1] else f"<!subteam^{found[2]}>"
    word = name.strip("<>@!")
    return f"<!{word}>" if word in _LOUD else words(name, 100)


def _paged(lines: Iterable[str]) -> list[str]:
    pages = [""]
    room = ROOM
    for line in lines:
        if len(line) > MAX_SECTION:
            continue  # links may be longer than a section: they are left out whole
        room -= len(line) + 1
        if room < 0:
            break
        if len(pages[-1]) + len(line) + 1 > MAX_SECTION:
            pages.append("")
        pages[-1] += ("\n" if pages[-1] else "") + line
    return pages
