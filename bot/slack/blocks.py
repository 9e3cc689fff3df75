"""Content -> Block Kit, within Slack's limits (docs.slack.dev/reference/block-kit). Pure.

A job is a `plan` with a `task_card` for each server; workspaces that do not know these blocks get
sections that say the same. A state is always a word: neither a colour nor a sign carries it alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from alerts import AlertContent
from baton.messages import State
from bot.front import Button, Content, JobContent, OutputContent, Row
from bot.slack.alerts import alert_buttons, alert_sections, alert_text
from bot.slack.text import SECTION, clean, code, cut, escaped, person, tail

Block = dict[str, Any]

MOST_ROWS = 30
"""Rows that one post shows; Slack takes 50 cards in a plan, and some 13,200 characters in all."""
ROOM = 8_000
"""Characters for all rows together, with what Slack adds for each block."""
PER_BLOCK = 125
"""What Slack adds for each block when it counts a message (bolt-js issue 2509)."""
OUTPUT = 6_000
"""Characters of a server's output in one post."""
HEAD, LINES, BUTTONS = 500, 1_200, 5
"""Characters of the summary and of its lines, and how many buttons: what ROOM leaves."""
PREFIX = "baton_"
"""What our `action_id`s begin with."""

_STATUS = {
    State.QUEUED: "pending",
    State.SENT: "pending",
    State.ACCEPTED: "in_progress",
    State.RUNNING: "in_progress",
    State.SUCCEEDED: "complete",
}


def blocks(content: Content, mark: str, *, plan: bool = True) -> list[Block]:
    """The blocks of a post. `mark` makes the ids of this version of it unlike those before;
    without `plan`, sections stand in for plan and task cards."""
    if isinstance(content, JobContent):
        return _job(content, mark, plan)
    if isinstance(content, OutputContent):
        return _output(content, mark)
    if isinstance(content, AlertContent):
        return _alert(content, mark)
    return [_section(content.text, f"n-{mark}")]


def has_plan(content: Content) -> bool:
    """Whether its blocks need a workspace that knows plans."""
    return isinstance(content, JobContent) and bool(content.rows)


def fallback(content: Content) -> str:
    """The post in a line, for notifications and screen readers."""
    if isinstance(content, JobContent):
        state = "" if content.schedule else f" ({content.state.value})"
        words = f"{content.title}{state}: {content.summary}"
    elif isinstance(content, OutputContent):
        words = f"{content.host} ({content.state.value}): {content.headline}"
    elif isinstance(content, AlertContent):
        words = alert_text(content)
    else:
        words = content.text
    return escaped(_trim(words), 1000) or str(content.state)


def bar(percent: int) -> str:
    """`▓▓▓▓░░░░ 50 %`."""
    full = round(min(max(percent, 0), 100) * 8 / 100)
    return "▓" * full + "░" * (8 - full) + f" {percent} %"


def shown_rows(rows: Sequence[Row], most: int = MOST_ROWS) -> tuple[tuple[Row, ...], str]:
    """The rows to show, in their order, and what is said of the rest. What went wrong is shown
    first, then what is under way, then what is done."""
    if len(rows) <= most:
        return tuple(rows), ""
    urgent = sorted(range(len(rows)), key=lambda at: (_urgency(rows[at].state), at))
    chosen = set(urgent[:most])
    rest = Counter(row.state.value for at, row in enumerate(rows) if at not in chosen)
    counts = ", ".join(f"{count} {state}" for state, count in sorted(rest.items()))
    return tuple(row for at, row in enumerate(rows) if at in chosen), (
        f"and {len(rows) - most} more: {counts}"
    )


def _urgency(state: State) -> int:
    if state is State.SUCCEEDED:
        return 2
    return 0 if state.final else 1


def _job(content: JobContent, mark: str, plan: bool) -> list[Block]:
    did = "scheduled" if content.schedule else "asked"
    asked = f"{person(content.asked_by)} {did}: {code(content.title, 300)}"
    rows, rest = shown_rows(content.rows)
    head = content.summary
    if not content.schedule:
        head = f"{content.state.value}: {head}" if head else content.state.value
    made = [_markdown(asked, f"a-{mark}")]
    if rows and plan:
        made.append(_plan(rows, head, mark))
    else:
        made.append(_section(head, f"s-{mark}", HEAD))
        made += _row_sections(rows, mark)
    lines = "\n".join([rest, *content.lines] if rest else content.lines)
    if lines:
        made.append(_section(lines, f"l-{mark}", LINES))
    context = " · ".join(part for part in (_trim(content.hint), _named(content)) if part)
    if context:
        made.append(_context(context, f"c-{mark}"))
    return made + _actions(content.buttons, mark)


def _alert(content: AlertContent, mark: str) -> list[Block]:
    pages = alert_sections(content)
    made = [_markdown(page, f"w-{mark}-{at}") for at, page in enumerate(pages)]
    return made + _actions(alert_buttons(content), mark)


def _actions(buttons: Sequence[Button], mark: str) -> list[Block]:
    if not buttons:
        return []
    elements = [_button(button) for button in buttons[:BUTTONS]]
    return [{"type": "actions", "block_id": f"b-{mark}", "elements": elements}]


def _named(content: JobContent) -> str:
    if content.schedule:
        return f"schedule {content.schedule}"
    return f"job {content.job}" if content.job else ""


def _trim(text: str) -> str:
    return clean(text).strip()


def _plan(rows: Sequence[Row], head: str, mark: str) -> Block:
    room = ROOM // len(rows) - PER_BLOCK
    cards = [_card(row, f"{mark}-{at}", min(room, 1000)) for at, row in enumerate(rows)]
    title = cut(clean(head), HEAD)
    return {"type": "plan", "block_id": f"p-{mark}", "title": title, "tasks": cards}


def _card(row: Row, id: str, room: int) -> Block:
    title = cut(f"{row.host}: {row.state.value}", min(room, 100))
    card: Block = {
        "type": "task_card",
        "task_id": f"t-{id}",
        "block_id": f"t-{id}",
        "title": title,
        "status": _STATUS.get(row.state, "error"),
    }
    details = cut(_details(row), room - len(title))
    if details:
        text = {"type": "text", "text": details}
        part = {"type": "rich_text_section", "elements": [text]}
        card["details"] = {"type": "rich_text", "elements": [part]}
    return card


def _details(row: Row) -> str:
    progress = "" if row.percent is None or row.state.final else bar(row.percent)
    return "  ".join(part for part in (progress, _trim(row.text)) if part)


def _row_sections(rows: Sequence[Row], mark: str) -> list[Block]:
    if not rows:
        return []
    room = (ROOM - PER_BLOCK * 6) // len(rows) - 1
    lines = [escaped(_line(row), min(room, 1000)) for row in rows]
    pages = [""]
    for line in lines:
        if len(pages[-1]) + len(line) + 1 > SECTION:
            pages.append("")
        pages[-1] += ("\n" if pages[-1] else "") + line
    return [_markdown(page, f"r-{mark}-{at}") for at, page in enumerate(pages)]


def _line(row: Row) -> str:
    details = _details(row).replace("\n", " ")
    return f"• {row.host}: {row.state.value}" + (f"  {details}" if details else "")


def _output(content: OutputContent, mark: str) -> list[Block]:
    head = f"*{escaped(content.host, 300)}* {content.state.value}"
    if content.headline:
        head += f": {escaped(content.headline, 1500)}"
    made = [_markdown(head, f"h-{mark}")]
    shown, cut_off = tail(clean(content.text).rstrip("\n"), OUTPUT)
    if shown:
        text = {"type": "text", "text": shown}
        part = {"type": "rich_text_preformatted", "elements": [text]}
        made.append({"type": "rich_text", "block_id": f"o-{mark}", "elements": [part]})
    hidden = content.hidden + cut_off
    if hidden:
        whole = f": `/baton log {content.job}` gives all" if content.job else ""
        lines = "1 line before is" if hidden == 1 else f"{hidden} lines before are"
        made.append(_context(f"{lines} not shown{whole}", f"c-{mark}"))
    return made


def _button(button: Button) -> Block:
    made: Block = {
        "type": "button",
        "action_id": cut(PREFIX + button.action, 255),
        "text": {"type": "plain_text", "text": cut(button.label, 75)},
        "value": button.value[:2000],
    }
    if button.danger:
        made["style"] = "danger"
    if button.confirm:
        made["confirm"] = {
            "title": {"type": "plain_text", "text": cut(button.label, 75)},
            "text": {"type": "plain_text", "text": cut(button.confirm, 150)},
            "confirm": {"type": "plain_text", "text": cut(button.label, 30)},
            "deny": {"type": "plain_text", "text": "No, go back"},
        }
    return made


def _markdown(text: str, id: str) -> Block:
    return {"type": "section", "block_id": id, "text": {"type": "mrkdwn", "text": text}}


def _section(text: str, id: str, most: int = SECTION) -> Block:
    return _markdown(escaped(_trim(text), most) or "-", id)


def _context(text: str, id: str) -> Block:
    element = {"type": "mrkdwn", "text": escaped(text, 300)}
    return {"type": "context", "block_id": id, "elements": [element]}
