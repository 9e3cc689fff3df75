"""The terminal as a front end: it keeps the protocol, and tells each thing once."""

from __future__ import annotations

from collections.abc import Sequence

from baton.bus.messages import State
from baton.errors import Disconnected
from bot.content import JobContent, NoticeContent, OutputContent, Post, Row
from bot.fronts.protocol import Front
from bot.fronts.terminal.front import PLACE, TerminalFront
from bot.fronts.terminal.lines import Line, text_of

JOB = JobContent("deploy shop prod", "U_ANN", "", State.RUNNING, (Row("web-1", State.RUNNING),))


class Shown:
    def __init__(self) -> None:
        self.texts: list[str] = []

    def show(self, new: Sequence[Line]) -> None:
        self.texts += [text_of(line) for line in new]


async def begun(front: TerminalFront) -> Front:
    await front.post(PLACE, Post("j1", JOB), thread="")
    return front


async def test_post_is_found_again() -> None:
    """What was posted is found by its key, and nothing else is."""
    front = await begun(TerminalFront(Shown()))
    assert await front.find(PLACE, "j1", thread="", since=0) == "j1"
    assert await front.find(PLACE, "j2", thread="", since=0) is None


async def test_lines_that_went_by_are_fetched() -> None:
    """With somebody to ask for the whole, what the tail has lost is printed all the same."""
    shown = Shown()

    async def whole(job: str, host: str) -> Sequence[str]:
        return ["a", "b", "c", "d"]

    front = await begun(TerminalFront(shown, whole))
    output = OutputContent("web-1", State.RUNNING, "step", "d", hidden=3)
    await front.post(PLACE, Post("j1/web-1", output, parent="j1"), thread="j1")
    assert shown.texts[1:] == [f"  web-1 │ {text}" for text in "abcd"]


async def test_lines_that_cannot_be_fetched_are_counted() -> None:
    """If the whole cannot be read now, the post is shown, and says what is missing."""
    shown = Shown()

    async def whole(job: str, host: str) -> Sequence[str]:
        raise Disconnected(url="x", reason="y")

    front = await begun(TerminalFront(shown, whole))
    output = OutputContent("web-1", State.RUNNING, "step", "d", hidden=3, job="7k2m9x00")
    front_thread = Post(
        "7k2m9x00", JobContent("t", "U", "", State.RUNNING, JOB.rows, job="7k2m9x00")
    )
    await front.post(PLACE, front_thread, thread="")
    await front.post(PLACE, Post("7k2m9x00/web-1", output), thread="")
    assert "  web-1 │ … 3 lines not shown: /log 7k2m9x" in shown.texts


async def test_nothing_is_said_twice() -> None:
    """A notice that is broadcast repeats the thread, which is on this very screen."""
    shown = Shown()
    front = await begun(TerminalFront(shown))
    before = list(shown.texts)
    notice = NoticeContent("failed on web-1", State.FAILED)
    await front.post(PLACE, Post("j1!", notice, parent="j1", broadcast=True), thread="j1")
    assert shown.texts == before
    await front.post(PLACE, Post("n", notice), thread="")
    assert shown.texts[-1] == "failed on web-1"


async def test_whispers_and_files_are_printed() -> None:
    """Whoever asked sits here, and a file is its text."""
    shown = Shown()
    front = TerminalFront(shown)
    await front.send_ephemeral(PLACE, "U_ANN", "only you")
    await front.upload_file(PLACE, "", "out.log", "one\ntwo\n")
    assert shown.texts == ["only you", "out.log:", "one", "two"]
