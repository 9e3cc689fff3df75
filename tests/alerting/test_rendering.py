"""How posts about alerts read: in words, in Slack and on a terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts import AlertContent, Severity
from bot.slack.alerts import mention
from bot.slack.blocks import blocks, fallback
from bot.terminal.alerts import alert_lines
from bot.terminal.lines import text_of

FIRING = AlertContent(
    "silent web-1 in prod",
    "firing",
    Severity.CRITICAL,
    rows=(("silent web-1 in prod", "firing, critical", "no heartbeat for 45 s <b>"),),
    lines=("1 firing",),
    mention="S0123456 oncall",
)
RESOLVED = replace(
    FIRING,
    state="resolved",
    rows=(("silent web-1 in prod", "resolved after 12 min", ""),),
    lines=("resolved after 12 min",),
    mention="",
)


def words(content: AlertContent) -> str:
    return "\n".join(block["text"]["text"] for block in blocks(content, "m"))


def test_in_slack_the_state_is_a_word_beside_its_sign() -> None:
    """Colour is never alone, the people on call are called, and nothing typed is markup."""
    shown = words(FIRING)
    assert "🔴 *firing, critical: silent web-1 in prod* <!subteam^S0123456> oncall" in shown
    assert "&lt;b&gt;" in shown
    assert "🟢 *resolved: silent web-1 in prod*" in words(RESOLVED)
    assert fallback(RESOLVED) == "resolved: silent web-1 in prod"


def test_in_slack_a_single_alert_says_nothing_twice() -> None:
    """The headline names it, its state and severity; under it stands what is known beside that.
    A notification says it all in a line."""
    assert words(FIRING).split("\n")[1:] == ["no heartbeat for 45 s &lt;b&gt;"]
    row = ("silent web-1 in prod", "resolved after 12 min", "no heartbeat for 45 s")
    ended = replace(RESOLVED, rows=(row,))
    assert words(ended).split("\n")[1:] == ["resolved after 12 min; no heartbeat for 45 s"]
    held = replace(ended, lines=(*ended.lines, "2 more not shown: silenced"), footer="held 12 s")
    assert words(held).split("\n")[2:] == ["2 more not shown: silenced", "held 12 s"]
    said = "firing, critical: silent web-1 in prod: no heartbeat for 45 s &lt;b&gt;"
    assert fallback(FIRING) == said
    two = replace(FIRING, title="silent in prod: 2 alerts", rows=FIRING.rows * 2)
    assert words(two).count("• *silent web-1 in prod* firing, critical  no heartbeat") == 2
    assert fallback(two) == "firing, critical: silent in prod: 2 alerts"


def test_the_largest_post_fits_into_slack() -> None:
    """However long its words are, each section and the whole stay within Slack's limits."""
    row = ("&" * 500, "firing, critical" * 30, "<" * 5000)
    made = blocks(replace(FIRING, rows=(row,) * 20, lines=("x" * 1000,) * 40), "m")
    sizes = [len(block["text"]["text"]) for block in made]
    assert max(sizes) <= 3000
    assert sum(sizes) <= 8_100
    assert len({block["block_id"] for block in made}) == len(made) <= 50


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("U0123456", "<@U0123456>"),
        ("<!subteam^S0123456>", "<!subteam^S0123456>"),
        ("@here", "<!here>"),
        ("ops<script>", "ops&lt;script&gt;"),
    ],
)
def test_who_is_called(name: str, said: str) -> None:
    """Members, user groups and @here as Slack calls them; other words are only words."""
    assert mention(name) == said


def test_on_a_terminal_what_is_new_is_printed_once() -> None:
    """The first post whole, then what changed in it, and nothing for what did not."""
    assert [text_of(line) for line in alert_lines(FIRING)] == [
        "alert firing: silent web-1 in prod S0123456 oncall",
        "  silent web-1 in prod firing, critical: no heartbeat for 45 s <b>",
    ]
    assert alert_lines(replace(FIRING, lines=("later",)), FIRING) == []
    assert [text_of(line) for line in alert_lines(RESOLVED, FIRING)] == [
        "alert resolved: silent web-1 in prod",
        "  silent web-1 in prod resolved after 12 min",
    ]
