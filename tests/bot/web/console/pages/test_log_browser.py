"""The script of a log, alone: what it makes of lines that it is told and of those that it reads."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, expect

from bot.store import Store
from tests.bot.web.console.jobs import RunningJob
from tests.support.browser import opened

pytestmark = pytest.mark.slow

LOG_ALONE = """async (frames) => {
    const box = document.createElement("div");
    document.body.append(box);
    const line = (number) => ({host: "web-1", attempt: 1, line: number, level: "log", step: "",
        time: null, spans: [["", `line ${number}`]]});
    let stored = 10;
    const load = async () => ({lines: [...Array(stored).keys()].map((at) => line(at + 1)),
        runs: [{host: "web-1", attempt: 1, lines: stored}], more: false, revision: 1});
    const log = new window.Baton.Log(box, load, () => {});
    const reading = log.toEnd();
    log.live(frames[0].map(line));  // comes while the end of the log is being read
    await reading;
    log.live(frames[1].map(line));
    stored = 20;
    log.live(frames[2].map(line));
    await new Promise((done) => setTimeout(done));
    return [...box.querySelectorAll(".l")].map((node) => Number(node.dataset.n));
}"""


@pytest.mark.parametrize(
    "frames",
    [
        [[], [], [11, 12, 13, 14, 15, 16, 17, 18, 19, 20]],
        [[9, 10, 11, 12], [12, 13], [14, 15, 16, 17, 18, 19, 20]],
        [[8, 9], [9, 10], [11, 12, 13, 14, 15, 16, 17, 18, 19, 20]],
        [[11], [], [15, 16, 17, 18, 19, 20]],
        [[], [], [1, 20]],
    ],
    ids=["in order", "overlapping", "known already", "some missing", "most missing"],
)
async def test_no_line_is_missing_or_there_twice(
    store: Store, reader: BrowserContext, frames: list[list[int]]
) -> None:
    """Frames may overlap with what was read, and with each other; if a line is missing all is read
    again."""
    job = await RunningJob.begin(store, "web-1")
    page = await opened(reader, f"/jobs/{job.id}")
    assert await page.evaluate(LOG_ALONE, frames) == list(range(1, 21))


LOG_FAILS = """async () => {
    const box = document.createElement("div");
    box.id = "alone";
    document.body.append(box);
    const line = (number) => ({host: "web-1", attempt: 1, line: number, level: "log", step: "",
        time: null, spans: [["", `line ${number}`]]});
    let stored = 10;
    let answers = true;
    const load = async () => {
        if (!answers) { answers = true; throw new Error("The bot does not answer."); }
        return {lines: [...Array(stored).keys()].map((at) => line(at + 1)),
            runs: [{host: "web-1", attempt: 1, lines: stored}], more: false, revision: 1};
    };
    const log = new window.Baton.Log(box, load, () => {});
    await log.toEnd();
    stored = 20;
    answers = false;
    log.live([line(20)]);
}"""


async def test_what_is_missing_is_read_though_no_more_is_written(
    store: Store, reader: BrowserContext
) -> None:
    """And though the bot did not answer the first time."""
    job = await RunningJob.begin(store, "web-1")
    page = await opened(reader, f"/jobs/{job.id}")
    await page.evaluate(LOG_FAILS)
    await expect(page.locator("#alone .l")).to_have_count(20)
