"""How posts about alerts read: in words, in Slack and on a terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts import AlertContent, Severity
from bot.fronts.slack.blocks.alerts import mention
from bot.fronts.slack.blocks.posts import blocks, fallback
from bot.fronts.terminal.alerts import alert_lines
from bot.fronts.terminal.lines import text_of

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


FORGED = "Evil\n🟢 *resolved: all is well* \u202e_x_ `y` <!here> ~z~"


def test_what_others_send_forges_no_line_and_formats_nothing() -> None:
    """A name with a line end and with marks is one line of plain words, in a headline, in a row, in
    a footer, and on a terminal."""
    rows = ((FORGED, "firing, critical", f"> {FORGED}"),) * 2
    content = replace(FIRING, title=FORGED, rows=rows, lines=(FORGED,), footer=FORGED)
    shown = words(content)
    assert len(shown.split("\n")) == 5
    assert "*resolved: all is well*" not in shown
    for mark in ("_x_", "~z~", "`", "<!here>", "\u202e"):
        assert mark not in shown
    assert text_of(alert_lines(content)[0]).startswith("alert firing: Evil 🟢")
    assert "a_b*c 0 3 * * 1" in words(replace(FIRING, title="a_b*c 0 3 * * 1"))


def test_links_stand_under_what_they_are_about() -> None:
    """Where to look further: in Slack behind a name, on a terminal as they are, once."""
    links = (("Runbook", "https://wiki/x?a=1&b=2"), ("Source", "http://prom/graph"))
    content = replace(FIRING, links=(links,))
    first = "<https://wiki/x?a=1&amp;b=2|Runbook> · <http://prom/graph|Source>"
    assert words(content).split("\n")[1] == f"no heartbeat for 45 s &lt;b&gt; {first}"
    several = replace(FIRING, title="2 alerts", rows=FIRING.rows * 2, links=(links, ()))
    assert words(several).split("\n")[1].endswith(first)
    shown = [text_of(line) for line in alert_lines(content)]
    assert shown[2:] == ["    Runbook: https://wiki/x?a=1&b=2", "    Source: http://prom/graph"]
    again = [text_of(line) for line in alert_lines(replace(RESOLVED, links=(links,)), content)]
    assert not any("http" in text for text in again)


def test_an_alert_that_was_not_heard_of_again_is_no_good_news() -> None:
    rows = (("DiskFull", "expired after 2 days", "not reported since 2026-11-24 08:00 UTC"),)
    content = AlertContent("DiskFull", "expired", Severity.CRITICAL, rows)
    assert words(content).startswith("⚪ *expired: DiskFull*")
    assert fallback(content).endswith("not reported since 2026-11-24 08:00 UTC")


def test_the_history_bears_the_name_of_what_it_is_of() -> None:
    content = AlertContent("History of DiskFull", "", lines=("10:00:00 UTC DiskFull began",))
    assert words(content) == "*History of DiskFull*\n10:00:00 UTC DiskFull began"
    assert text_of(alert_lines(content)[0]) == "alert History of DiskFull"
