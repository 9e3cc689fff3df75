"""What is shown of a job that is watched, on a terminal and where none is."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from baton.client import Frame, Job, LoggedLine, Run
from bot.cli.console.live import LiveView
from bot.cli.console.table import table
from bot.cli.console.views import JsonView, PlainView, View

RUNNING = Run(host="web-1", state="running", step="importing", percent=40)
BAD = Run(host="web-2", state="failed", text="it did not answer")
FIRST = Frame(
    revision=1,
    runs=(RUNNING, BAD),
    lines=(
        LoggedLine(host="web-1", line=1, text="one"),
        LoggedLine(host="web-2", line=1, text="\x1b[2Jtwo"),
    ),
)
JOB = Job(
    id="7k2m9x4a",
    title="deploy shop prod",
    runs=(Run(host="web-1", state="succeeded", text="main is live"), BAD),
)


def shown(view: View) -> None:
    with view:
        view.show(FIRST)
        view.show(Frame(revision=2, runs=(RUNNING, JOB.runs[0])))
        view.end(JOB)


def test_lines_for_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line once, each change of a state once, and the end in a sentence; nothing that a
    terminal would follow."""
    shown(PlainView())
    assert capsys.readouterr().out.splitlines() == [
        "web-1 | one",
        "web-2 | two",
        "web-1 running",
        "web-2 failed: it did not answer",
        "web-1 succeeded: main is live",
        "Job 7k2m9x (deploy shop prod) did not succeed: 1 of 2 succeeded, 1 failed.",
    ]


def test_one_server_alone_is_its_output(capsys: pytest.CaptureFixture[str]) -> None:
    """What is piped on is the output and nothing else."""
    shown(PlainView("web-2"))
    out, err = capsys.readouterr()
    assert out == "two\n"
    assert "did not succeed" in err


def test_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line is a value; the last says the outcome."""
    shown(JsonView())
    *news, end = map(json.loads, capsys.readouterr().out.splitlines())
    assert [each["event"] for each in news] == ["news", "news"]
    assert news[0]["lines"][0]["text"] == "one"
    assert (end["event"], end["outcome"], end["job"]["id"]) == ("end", "failed", "7k2m9x4a")


def test_bars_on_a_terminal() -> None:
    """A line for each server; what failed is never left out for want of room."""
    out = io.StringIO()
    console = Console(
        file=out,
        force_terminal=True,
        width=80,
        height=6,
        highlight=False,
        _environ={"TERM": "xterm"},  # whatever terminal the tests are run on
    )
    view = LiveView(console=console)
    with view:
        waiting = tuple(Run(host=f"web-{number}", state="queued") for number in range(3, 40))
        view.show(FIRST.model_copy(update={"runs": (RUNNING, BAD, *waiting)}))
        view.end(JOB)
    text = out.getvalue()
    assert "web-1 │ " in text
    assert "two" in text
    assert "\x1b[2Jtwo" not in text
    assert "failed: it did not answer" in text
    assert "and 37 more: 36 queued, 1 succeeded" in text
    assert "did not succeed: 1 of 2 succeeded, 1 failed" in text
    assert text.endswith("\n")
    assert "\x1b[?25h" in text, "the cursor is back"


def test_a_table_is_as_wide_as_what_is_in_it() -> None:
    """Lists, truth and nothing are words; what would move the cursor is left out."""
    rows: list[list[object]] = [
        ["web-1", ["shop", "billing"], True],
        ["a\tlonger\x1b[1m name", [], None],
    ]
    assert list(table(("server", "apps", "missing"), rows)) == [
        "server         apps           missing",
        "web-1          shop, billing  yes",
        "a longer name",
    ]


def test_a_table_is_straight_whatever_is_in_it() -> None:
    """Some characters take two columns (Unicode, UAX 11)."""
    head, *rows = table(("who", "what"), [("太郎", "ship"), ("ann", "hail")])
    assert (head, rows) == ("who   what", ["太郎  ship", "ann   hail"])


def test_a_rollout_says_what_it_waits_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Its waves as they begin, once each; a question with how to answer it; and what it waits for
    while servers run is nothing that one has to read."""
    held, done = Run(host="web-2", state="held"), Run(host="web-1", state="succeeded")
    wave = ("Wave 1 of 2: web-1. Still to begin: 1.",)
    busy = Job(id="7k2m9x4a", waits="wave 1: web-1 is still running", progress=wave)
    question = "Wave 1 is done: 1 of 1 succeeded. Say `go on`, `back` or `cancel`."
    asks = busy.model_copy(update={"waits": question, "asks": True})
    stopped = (*wave, "Stopped: ann said back.")
    with PlainView() as view:
        view.show(Frame(job=busy, runs=(Run(host="web-1", state="running"), held)))
        view.show(Frame(job=asks, runs=(done,)))
        view.show(Frame(job=asks))
        view.end(JOB.model_copy(update={"runs": (done,), "progress": stopped}))
    assert capsys.readouterr().out.splitlines() == [
        "web-1 running",
        "web-2 held",
        wave[0],
        "web-1 succeeded",
        f"It waits: {question}",
        "To answer: baton rollout 7k2m9x go-on (or back, or skip)",
        "Stopped: ann said back.",
        "Job 7k2m9x (deploy shop prod) succeeded: 1 of 1 succeeded.",
    ]
