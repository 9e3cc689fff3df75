"""Draws posts as Block Kit, within Slack's limits (docs.slack.dev/reference/block-kit). Pure.

A job is a `plan` with a `task_card` for each server. Workspaces that do not support these blocks
get lists with the same text. A post starts with its state, as a sign and a word (no meaning is
carried by a colour or a sign alone), and the short id of its job. Text of servers and commands is
plain or rich text, never mrkdwn: nothing in it is markup.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from alerts import AlertContent
from baton.bus.messages import State
from bot.content import (
    Button,
    Content,
    FileContent,
    FleetContent,
    Group,
    JobContent,
    NoticeContent,
    OutputContent,
    Row,
)
from bot.dispatch.console_address import ConsoleAddress
from bot.fronts.slack.blocks.alerts import alert_buttons, alert_sections, alert_text
from bot.fronts.slack.blocks.text import (
    MAX_SECTION,
    clean,
    code,
    cut,
    escape,
    escaped,
    person,
    tail,
)
from bot.jobs import short_id

Block = dict[str, Any]

MAX_ROWS = 30
"""Rows that one post shows; Slack takes 50 cards in a plan, and some 13,200 characters in all."""
MAX_TEXT = 8_000
"""Characters for all rows together, with what Slack adds for each block."""
PER_BLOCK = 125
"""What Slack adds for each block when it counts a message (bolt-js issue 2509)."""
MAX_OUTPUT = 6_000
"""Characters of a server's output in one post."""
GROUP, GROUPS, GROUP_HEAD = 1_000, 11_000, 950
"""Characters of the output shown of a group of servers; of all groups together; and of what is said
of each beside its output."""
HEAD, LINES, BUTTONS = 500, 1_200, 5
"""Characters of the summary and of its lines, and how many buttons: what ROOM leaves."""
PREFIX = "baton_"
"""What our `action_id`s begin with."""

_STATUS = {
    State.HELD: "pending",
    State.QUEUED: "pending",
    State.SENT: "pending",
    State.ACCEPTED: "in_progress",
    State.RUNNING: "in_progress",
    State.SUCCEEDED: "complete",
}

_SIGNS = {
    State.HELD: "✋",
    State.QUEUED: "⏳",
    State.SENT: "⏳",
    State.ACCEPTED: "▶️",
    State.RUNNING: "▶️",
    State.SUCCEEDED: "✅",
    State.CANCELLED: "🚫",
    State.REFUSED: "🚫",
    State.FAILED: "❌",
}
_ODD = "⚠️"
"""The sign of an end that nobody wanted and that is no failure of the work."""


def blocks(content: Content, mark: str, *, plan: bool = True) -> list[Block]:
    """Return the blocks of a post. `mark` makes the block ids of each version different. Without
    `plan`, sections replace plan and task cards."""
    if isinstance(content, JobContent):
        return _job(content, mark, plan)
    if isinstance(content, OutputContent):
        return _output(content, mark)
    if isinstance(content, FleetContent):
        return _fleet(content, mark)
    if isinstance(content, AlertContent):
        return _alert(content, mark)
    if isinstance(content, NoticeContent):
        head = [_bold(_state(content.state, content.job) if content.job else _sign(content.state))]
        return [
            _rich([_line([*head, _text(f"  {_trim(content.text)}", MAX_SECTION)])], f"n-{mark}")
        ]
    assert isinstance(content, FileContent), content
    return []


def has_plan(content: Content) -> bool:
    """Return whether the blocks need a workspace that supports plans."""
    return isinstance(content, JobContent) and bool(content.rows)


def fallback(content: Content) -> str:
    """Return the post as one line, for notifications and screen readers."""
    return escaped(_trim(_in_a_line(content)), 1000)


def _in_a_line(content: Content) -> str:
    if isinstance(content, JobContent):
        if content.schedule:
            return f"{_sign(content.state)} {content.title}: {content.summary}"
        return f"{_state(content.state, content.job)} {content.title}: {content.summary}"
    if isinstance(content, OutputContent):
        return f"{_state(content.state, content.job)} {content.host}: {content.headline}"
    if isinstance(content, FleetContent):
        return f"{_state(content.state, content.job)} {content.summary}"
    if isinstance(content, AlertContent):
        return alert_text(content)
    if isinstance(content, NoticeContent):
        told = _state(content.state, content.job) if content.job else _sign(content.state)
        return f"{told} {content.text}"
    return content.name


def _sign(state: State) -> str:
    return _SIGNS.get(state, _ODD)


def _state(state: State, job: str) -> str:
    """`❌ failed 7k2m9x`."""
    return " ".join(part for part in (_sign(state), state.value, short_id(job)) if part)


def bar(percent: int) -> str:
    """`▓▓▓▓░░░░ 50 %`."""
    full = round(min(max(percent, 0), 100) * 8 / 100)
    return "▓" * full + "░" * (8 - full) + f" {percent} %"


def shown_rows(rows: Sequence[Row], most: int = MAX_ROWS) -> tuple[tuple[Row, ...], str]:
    """Return the rows to show, in their order, and a text about the rest. Failed servers come
    first, then running ones, then finished ones."""
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
    rows, rest = shown_rows(content.rows)
    made = [_markdown(_headed(content), f"a-{mark}")]
    head = content.summary
    if not content.schedule:
        head = f"{content.state.value}: {head}" if head else content.state.value
    if rows and plan:
        made.append(_plan(rows, head, mark))
    else:
        made.append(_plain(head, f"s-{mark}", HEAD))
        made += _row_sections(rows, mark)
    lines = "\n".join([rest, *content.lines] if rest else content.lines)
    if lines:
        made.append(_plain(lines, f"l-{mark}", LINES))
    context = " · ".join(part for part in (_trim(content.hint), _named(content)) if part)
    link = _page_link(content.page)
    if context or link:
        made.append(_context(context, f"c-{mark}", link))
    return made + _actions(content.buttons, mark)


def _page_link(page: str) -> str:
    """Return a link to the page of a job; nothing if only the machine of the bot can open it."""
    if not page or ConsoleAddress(page).local:
        return ""
    return f"<{escape(page)}|Live output on its page>"


def _headed(content: JobContent) -> str:
    """Return state, job, command and person. Only the text that people typed is in it, as code."""
    title, who = code(content.title, 300), person(content.asked_by)
    if content.schedule:
        return f"{_sign(content.state)} {who} scheduled: {title}"
    id = f" {code(short_id(content.job), 20)}" if content.job else ""
    return f"*{_sign(content.state)} {content.state.value}*{id}  {who} ran: {title}"


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
    schedule = _trim(content.schedule)
    return f"schedule {schedule}" if schedule else ""


def _trim(text: str) -> str:
    return clean(text).strip()


def _plan(rows: Sequence[Row], head: str, mark: str) -> Block:
    room = MAX_TEXT // len(rows) - PER_BLOCK
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
    room = min((MAX_TEXT - PER_BLOCK) // len(rows) - 1, 1000)
    lines = [_line([_text(_row_line(row), room)]) for row in rows]
    listed = {"type": "rich_text_list", "style": "bullet", "elements": lines}
    return [_rich([listed], f"r-{mark}")]


def _row_line(row: Row) -> str:
    details = _details(row).replace("\n", " ")
    head = f"{_sign(row.state)} {row.host}: {row.state.value}"
    return head + (f": {details}" if details else "")


def _output(content: OutputContent, mark: str) -> list[Block]:
    head = [
        _bold(_state(content.state, content.job)),
        _text("  "),
        _bold(_trim(content.host) or "?", 300),
    ]
    if _trim(content.headline):
        head.append(_text(f": {_trim(content.headline)}", 1500))
    made = [_rich([_line(head)], f"h-{mark}")]
    shown, cut_off = tail(clean(content.text).rstrip("\n"), MAX_OUTPUT)
    if shown:
        made.append(_rich([_preformatted(shown)], f"o-{mark}"))
    hidden = content.hidden + cut_off
    if hidden:
        whole = f": {_log(content.job)} --host {content.host}" if content.job else ""
        lines = "1 earlier line is" if hidden == 1 else f"{hidden} earlier lines are"
        made.append(_context(f"{lines} not shown{whole}", f"c-{mark}"))
    return made


def _fleet(content: FleetContent, mark: str) -> list[Block]:
    head = [_bold(_state(content.state, content.job)), _text(f"  {_trim(content.summary)}", HEAD)]
    made = [_rich([_line(head)], f"h-{mark}")]
    room = min(GROUP, GROUPS // max(len(content.groups), 1) - GROUP_HEAD)
    for at, group in enumerate(content.groups):
        made.append(_rich(_group(group, room), f"g-{mark}-{at}"))
    where = ""
    if content.job:
        log = _log(content.job)
        where = f"Full output: {log}. One server: {log} --host SERVER"
    if more := " · ".join(part for part in (_trim(content.rest), where) if part):
        made.append(_context(more, f"c-{mark}"))
    return made


def _group(group: Group, room: int) -> list[Block]:
    head = [_bold(f"{_sign(group.state)} {_trim(group.headline)}", 400)]
    servers = _trim(group.servers)
    if servers:
        head.append(_text(f"\n{servers}", 300))
    parts = [_line(head)]
    shown, cut_off = tail(clean(group.text).rstrip("\n"), room)
    if shown:
        hidden = group.hidden + cut_off
        which = "the last lines" if hidden else "the output"
        parts[0]["elements"].append(_text(f"\n{which} of {_trim(group.host)}:", 120))
        parts.append(_preformatted(shown))
    return parts


def _log(job: str) -> str:
    return f"/baton log {short_id(job)}"


def _text(text: str, most: int = 1000) -> Block:
    return {"type": "text", "text": cut(clean(text), most)}


def _bold(text: str, most: int = 1000) -> Block:
    return {**_text(text, most), "style": {"bold": True}}


def _line(elements: list[Block]) -> Block:
    return {"type": "rich_text_section", "elements": elements}


def _preformatted(text: str) -> Block:
    return {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text}]}


def _rich(elements: list[Block], id: str) -> Block:
    return {"type": "rich_text", "block_id": id, "elements": elements}


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
            "deny": {"type": "plain_text", "text": "Keep it"},
        }
    return made


def _markdown(text: str, id: str) -> Block:
    return {"type": "section", "block_id": id, "text": {"type": "mrkdwn", "text": text}}


def _plain(text: str, id: str, most: int = MAX_SECTION) -> Block:
    words = cut(_trim(text), most) or "-"
    return {"type": "section", "block_id": id, "text": _plain_text(words)}


def _plain_text(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}


def _context(text: str, id: str, link: str = "") -> Block:
    """Return a line of small print. `link` is mrkdwn of ours."""
    elements = [_plain_text(cut(clean(text), 600))] if text else []
    if link:
        elements.append({"type": "mrkdwn", "text": link})
    return {"type": "context", "block_id": id, "elements": elements}
