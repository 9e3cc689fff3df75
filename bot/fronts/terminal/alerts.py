"""Draws alerts on a terminal: the part of a post that is new. Pure.

A post is edited in Slack, but a terminal only appends lines. So each post is compared with what was
printed before.
"""

from __future__ import annotations

from alerts import AlertContent
from baton.text.printable import printable
from bot.fronts.terminal.lines import Line, line

_STYLES = {
    "firing": "bad",
    "flapping": "warn",
    "acknowledged": "busy",
    "resolved": "good",
    "expired": "quiet",
}


def alert_lines(content: AlertContent, before: AlertContent | None = None) -> list[Line]:
    """Return the lines for what is new in `content`; `before` is the same post as it was printed
    last."""
    known = {what: state for what, state, _ in before.rows} if before else {}
    news = [row for row in content.rows if known.get(row[0]) != row[1]]
    changed = before is None or (before.state, before.title) != (content.state, content.title)
    if not (news or changed):
        return []
    style = _STYLES.get(content.state, "warn")
    called = f" {printable(content.mention)}" if content.mention and before is None else ""
    state = ((style, content.state), ("", ": ")) if content.state else ()
    shown: list[Line] = [
        (("", "alert "), *state, ("strong", f"{printable(content.title)}{called}"))
    ]
    linked = dict(zip(content.rows, content.links, strict=False))
    for row in news:
        shown.append(_row(*row))
        links = linked.get(row, ()) if row[0] not in known else ()
        shown += [
            line(f"    {printable(name)}: {printable(address)}", "quiet") for name, address in links
        ]
    shown += [
        line(f"  {printable(text)}", "quiet")
        for text in content.lines
        if content.lines and not news
    ]
    return shown


def _row(what: str, state: str, known: str) -> Line:
    style = _STYLES.get(state.partition(",")[0].partition(" ")[0], "warn")
    about = f": {printable(known)}" if known else ""
    return (("host", f"  {printable(what)} "), (style, printable(state)), ("quiet", about))
