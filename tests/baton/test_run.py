"""A run, as its observers hear it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from baton.bus.facts import Facts
from baton.bus.messages import Message, Pong, State, Update
from baton.run import Run, pieces
from baton.text import excerpt
from tests.baton.stage import HOST, Work, request
from tests.support.wait import until


class Ear:
    """An observer that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Message] = []

    def notify(self, message: Message) -> None:
        self.heard.append(message)

    @property
    def updates(self) -> list[Update]:
        return [message for message in self.heard if isinstance(message, Update)]

    @property
    def texts(self) -> list[str]:
        return [update.text for update in self.updates]


def started(ear: Ear, *others: Any) -> Run[Work]:
    return Run(request(), Work(environment="prod"), host=HOST, observers=(*others, ear))


async def test_lines_that_come_together_travel_together() -> None:
    """Output is passed on soon, and not a message a line."""
    run = started(ear := Ear())
    for number in range(100):
        run.notify_log(f"line {number}", step="build")
    assert ear.heard == []
    await until(lambda: ear.heard)
    run.notify_log("late", step="build")
    await until(lambda: len(ear.heard) == 2)
    assert ear.texts == ["\n".join(f"line {number}" for number in range(100)), "late"]
    assert {(update.level, update.step) for update in ear.updates} == {("log", "build")}


async def test_what_is_said_keeps_its_place_among_the_output() -> None:
    """Output that waits is said before what comes after it, in each step apart."""
    run = started(ear := Ear())
    run.accept()
    run.notify_log("a", step="one")
    run.notify_log("", step="one")
    run.notify_log("b", step="two")
    run.notify_info("half", percent=50)
    run.notify_log("c")
    closing = run.close(State.SUCCEEDED)
    assert ear.texts == ["", "a\n", "b", "half", "c"]
    assert [update.sequence for update in ear.updates] == [1, 2, 3, 4, 5]
    assert isinstance(closing, Update)
    assert (closing.sequence, closing.percent, closing.level) == (6, 100, "success")


async def test_an_update_is_not_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Much output is cut, at line ends where there are any; nothing of it is lost."""
    monkeypatch.setattr("baton.run.UPDATE_LIMIT", 10)
    run = started(ear := Ear())
    run.notify_log("0123\n5678\nabcd")
    run.notify_log("x" * 25)
    run.notify_info("y" * 30)
    assert ear.texts == ["0123\n5678", "abcd", "x" * 10, "x" * 10, "xxxxx", "yyyyyyyyy…"]


async def test_a_run_does_not_report_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the limit the last part is kept, for it holds the reason; how much is missing before it
    is said there, and in the last word."""
    monkeypatch.setattr(excerpt, "HEAD_LIMIT", 10)
    monkeypatch.setattr(excerpt, "TAIL_LIMIT", 20)
    run = started(ear := Ear())
    run.notify_log("one\ntwo\nthree\nfour", step="build")
    for _ in range(1000):
        run.notify_log("flood, flood", step="build")
    run.notify_log("ERROR: the reason", step="build")
    closing = run.close(State.FAILED, "no")
    assert "\n".join(ear.texts).splitlines() == [
        "one",
        "two",
        "… (12,010 characters were left out here) …",
        "ERROR: the reason",
    ]
    assert {update.step for update in ear.updates} == {"build"}
    assert isinstance(closing, Update)
    assert closing.text == "no (12,010 characters of output were left out)"


async def test_each_step_that_floods_shows_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is over, before what follows, and as long as there is room."""
    monkeypatch.setattr(excerpt, "HEAD_LIMIT", 0)
    monkeypatch.setattr(excerpt, "STEP_LIMIT", 10)
    monkeypatch.setattr(excerpt, "BETWEEN_LIMIT", 25)
    run = started(ear := Ear())
    for step in ("a", "b", "c"):
        run.notify_info(f"begin {step}", step=step)
        run.notify_log("x" * 50 + f"\nend of {step}", step=step)
    run.close(State.SUCCEEDED)
    texts = [text for update in ear.updates for text in update.text.splitlines()]
    assert [text for text in texts if "…" not in text and "x" not in text] == [
        *("begin a", "end of a", "begin b", "end of b", "begin c", "end of c")
    ]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.text("xy\n", max_size=60)), max_size=30))
def test_nothing_is_lost_that_is_not_counted(said: list[tuple[str, str]]) -> None:
    """Head, tail and what was left out are the whole; and neither grows with it."""
    with pytest.MonkeyPatch.context() as patched:
        for name, limit in (("HEAD", 50), ("TAIL", 40), ("BETWEEN", 60), ("STEP", 20)):
            patched.setattr(excerpt, f"{name}_LIMIT", limit)
        taken = excerpt.Excerpt()
        reported = [taken.head(text, step) for step, text in said]
        for last in (False, False, False, True):
            reported += [text for _, text in taken.tail(last=last) if not text.startswith("…")]
    whole = sum(len(text) for _, text in said)
    cuts = 1 + len(said)  # line ends at which it was parted
    assert whole - cuts <= sum(map(len, reported)) + taken.left_out <= whole
    assert sum(map(len, reported)) <= 50 + 40 + 60


async def test_a_run_is_closed_once() -> None:
    """The first end counts; what is said after it is dropped."""
    run = started(ear := Ear())
    run.notify_success("done", release="v2")
    run.notify_error("no, it is not")
    run.notify_info("hello?")
    run.notify_log("hello?")
    closing = run.close(State.INTERRUPTED)
    assert closing is run.closing
    assert isinstance(closing, Update)
    assert (closing.state, closing.text) == (State.SUCCEEDED, "done")
    assert closing.facts == {"release": "v2"}
    assert ear.heard == []  # the journal is to have the end first


async def test_a_pong_comes_after_the_output() -> None:
    """And ends the run."""
    run = started(ear := Ear())
    run.notify_log("a line")
    pong = Pong(job="j", request="r", facts=Facts(host=HOST, environment="prod"))
    run.answer(pong)
    assert ear.texts == ["a line"]
    assert run.close(State.FAILED) is pong


async def test_what_is_no_text_can_be_shown() -> None:
    """Bytes of a program that are no UTF-8 reach Python as lone surrogates, which no JSON holds."""
    run = started(ear := Ear())
    run.notify_info("caf\udce9 ≠ é", step="\udcff")
    assert (ear.updates[0].text, ear.updates[0].step) == ("caf? ≠ é", "?")


async def test_a_percent_stays_on_the_bar() -> None:
    """A consumer that miscounts does not fail for it."""
    run = started(ear := Ear())
    for percent in (-3, 33, 120):
        run.notify_info("", percent=percent)
    assert [update.percent for update in ear.updates] == [0, 33, 100]


async def test_facts_that_cannot_travel_are_the_consumers_error() -> None:
    """They are refused on the spot; the run goes on, and its numbering has no gap."""
    run = started(ear := Ear())
    with pytest.raises(ValidationError):
        run.notify_info("look", thing=object())  # type: ignore[arg-type]
    run.notify_info("well")
    assert [update.sequence for update in ear.updates] == [1]


async def test_an_observer_that_fails_disturbs_nobody() -> None:
    """The others hear all the same."""

    class Broken:
        def notify(self, message: Message) -> None:
            raise RuntimeError("no")

    run = started(ear := Ear(), Broken())
    run.notify_info("well")
    assert ear.texts == ["well"]


def test_pieces() -> None:
    """Cut at line ends, or where it must be; put together it is the same text."""
    assert list(pieces("", 4)) == [""]
    assert list(pieces("ab\ncd\nef", 5)) == ["ab\ncd", "ef"]
    assert list(pieces("abcdefgh\n", 4)) == ["abcd", "efgh", ""]
