"""Formats text for Slack: escapes it, cuts it to the limits, aligns tables. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from baton.outcome import Answer
from baton.text.printable import printable
from bot.dispatch.reply import Reply
from bot.jobs import short_id

MAX_SECTION = 3000
"""Characters of one section (docs.slack.dev, "Section block")."""
MAX_EPHEMERAL = 3800
"""Characters of a private answer: Slack recommends to stay below 4,000."""
MAX_DOCUMENT = 2500
"""Characters of a document that is shown where it was asked for; a longer one becomes a file."""

MAX_ROW = 200
"""Characters of a row of a table."""
TAB = "    "

_READ = 20
"""For each character that there is room for, how many of a text are looked at."""
_LONG = re.compile(r"(\S{100})\S{21,}")
_PERSON = re.compile(r"[UW][A-Z0-9_]+")


def clean(text: str) -> str:
    """Return `text` without terminal colours and invisible characters. A line that was rewritten
    with carriage returns shows its last state."""
    if "\r" in text:
        lines = text.replace("\r\n", "\n").split("\n")
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)
    return printable(text.replace("\t", TAB), lines=True)


def escape(text: str) -> str:
    """Return `text` with the three characters escaped that have a meaning in mrkdwn: no mention
    or link in it takes effect (docs.slack.dev, "Formatting message text")."""
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, most: int) -> str:
    """Return at most `most` characters of `text`, with an ellipsis where it was cut."""
    return text if len(text) <= most else text[: max(most - 1, 0)] + "…"


def escaped(text: str, most: int) -> str:
    """Return `text` escaped and cut to at most `most` characters, never within an escape."""
    begun = text[: _READ * most]
    whole = escape(begun)
    if len(whole) <= most and begun == text:
        return whole
    return re.sub(r"&[a-z]{0,3}$", "", whole[: most - 1]) + "…"


def tail(text: str, most: int) -> tuple[str, int]:
    """Return the last whole lines of `text` within `most` characters, and how many lines were
    left out."""
    if len(text) <= most:
        return text, 0
    kept = text[-most:]
    _, newline, rest = kept.partition("\n")
    shown = rest if newline and rest else kept
    return shown, max(text.count("\n") - shown.count("\n"), 1)


def code(text: str, most: int) -> str:
    """Return `text` as inline code, in about `most` characters."""
    return "`" + escaped(text, most).replace("`", "'").replace("\n", " ") + "`"


def fenced(text: str) -> str:
    """Return `text` as a code block; a fence inside it is defused."""
    return "```\n" + escape(text).replace("```", "'''") + "\n```"


def person(name: str) -> str:
    """Return a person, as a mention if `name` is the id of a member."""
    return f"<@{name}>" if _PERSON.fullmatch(name) else escaped(name, 100)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], most: int) -> str:
    """Return a table with aligned columns in at most `most` characters. Long cells are cut, so
    that each row shows all its columns; rows that do not fit are counted."""
    lines = [columns, *rows] if columns else list(rows)
    if not lines:
        return ""
    cells = [[clean(cell).replace("\n", " ") for cell in line] for line in lines]
    widths = _narrowed(
        [
            max(len(line[at]) for line in cells if at < len(line))
            for at in range(max(len(line) for line in cells))
        ]
    )
    shown: list[str] = []
    size = 0
    for at, line in enumerate(cells):
        padded = [f"{cut(cell, width):<{width}}" for cell, width in zip(line, widths, strict=False)]
        row = cut("  ".join(padded).rstrip(), MAX_ROW)
        # Escapes make a row longer than it looks.
        size += len(escape(row)) + 1
        if size > most - 20:
            return "\n".join([*shown, f"and {len(cells) - at} more"])
        shown.append(row)
    return "\n".join(shown)


def _narrowed(widths: Sequence[int]) -> list[int]:
    """Return `widths` with the widest reduced, so that they fit into a row."""
    room = MAX_ROW - 2 * (len(widths) - 1)
    left, most = room, room
    for at, width in enumerate(sorted(widths)):
        most = left // (len(widths) - at)
        if width > most:
            break
        left -= width
    return [min(width, max(most, 1)) for width in widths] if sum(widths) > room else [*widths]


def reply_text(reply: Reply) -> str:
    """Return what the person reads, in at most MAX_EPHEMERAL characters. It is never empty."""
    answer = reply.answer
    words = clean(reply.text).strip() or (clean(answer.summary).strip() if answer else "")
    if not words:
        words = _started(reply.job) if reply.job else ("Done." if reply.ok else "Refused.")
    if not reply.ok:
        words = _LONG.sub(r"\1…", words)
    parts = [escaped(words, MAX_EPHEMERAL if answer is None else MAX_EPHEMERAL // 4)]
    if answer is not None:
        parts += _answer_parts(answer, bool(reply.text), MAX_EPHEMERAL - len(parts[0]) - 40)
    return "\n".join(parts)


def _started(job: str) -> str:
    return f"Started job {short_id(job)}. Progress is in the thread below."


def _answer_parts(answer: Answer, said: bool, room: int) -> list[str]:
    parts: list[str] = []
    if said and answer.summary:
        parts.append(escaped(answer.summary, room // 4))
        room -= len(parts[0])
    if answer.rows:
        parts.append(fenced(table(answer.columns, answer.rows, room)))
        room -= len(parts[-1])
    if answer.document and not is_long(answer.document):
        shown, hidden = tail(answer.document, max(room // 2, 200))
        parts.append(fenced(shown) + (f"\n{hidden} earlier lines are not shown." if hidden else ""))
    return parts


def is_long(document: str) -> bool:
    """Return whether a document is sent as a file rather than shown."""
    return len(document) > _READ * MAX_DOCUMENT or len(escape(document)) > MAX_DOCUMENT
