"""Alerts on a terminal: what is new in a post. Pure.

A post is edited in Slack; a terminal only goes on, so each is compared with what was printed of it.
"""

from __future__ import annotations

from alerts import AlertContent
from bot.terminal.lines import Line, clean, line

_STYLES = {"firing": "bad", "flapping": "warn", "acknowledged": "busy", "resolved": "good"}


def alert_lines(content: AlertContent, before: AlertContent | None = None) -> list[Line]:
    """What `content` says that `before`, the same post as it was, did not."""
    known = {what: state for what, state, _ in before.rows} if before else {}
    news = [row for row in content.rows if known.get(row[0]) != row[1]]
    changed = before is None or (before.state, before.title) != (content.state, content.title)
    if not (news or changed):
        return []
    style = _STYLES.get(content.state, "warn")
    called = f" {clean(content.mention)}" if content.mention and before is None else ""
    shown: list[Line] = [
        (("", "alert "), (style, content.state), ("strong", f": {clean(content.title)}{called}"))
    ]
    shown += [_row(*row) for row in news]
    shown += [line(f"  {text}", "quiet") for text in content.lines if content.lines and not news]
    return shown


def _row(what: str, state: str, known: str) -> Line:
    style = _STYLES.get(state.partition(",")[0].partition(" ")[0], "warn")
    about = f": {clean(known)}" if known else ""
    return (("host", f"  {clean(what)} "), (style, clean(state)), ("quiet", about))
