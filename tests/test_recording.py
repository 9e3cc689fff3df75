"""The recording of a terminal that opens the README, and how it is drawn."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.async_api import Page, expect

from tests.support.animated_svg import Frame, Span, drawn, without_waits
from tests.support.browser import chromium

ROOT = Path(__file__).parent.parent
RECORDING = ROOT / "docs" / "recording.svg"
PROMPT = (Span(0, "› ", "cyan bold"), Span(2, "/deploy <shop> & prod", ""))
FRAMES = [
    Frame(10.0, (PROMPT, ()), (2, 0)),
    Frame(11.0, (PROMPT, (Span(0, "running", ""),)), None),
    Frame(19.0, (PROMPT, (Span(0, "succeeded", "green"),)), (0, 1)),
]


def test_it_opens_the_readme() -> None:
    """Before everything that is to be read; and whoever cannot see it reads what it shows."""
    pictures = re.findall(
        r"!\[(.+?)\]\((.+?)\)", (ROOT / "README.md").read_text().partition("##")[0]
    )
    assert [path for _, path in pictures] == ["docs/recording.svg"]


def test_it_is_small_and_needs_nothing_else() -> None:
    """A picture on a page of somebody else loads no other file and runs no script."""
    text = RECORDING.read_text()
    assert len(text) < 500_000
    shown = "".join(ElementTree.fromstring(text).itertext())
    for words in ("/deploy shop prod", "━━", "on 3 of 3, after", "firing", "resolved"):
        assert words in shown
    assert not re.search(r"<script|<image|<foreignObject|@import|url\(|href=\"(?!#)", text)


def test_what_takes_long_is_shortened() -> None:
    """A wait, but nothing that happens."""
    assert [frame.at for frame in without_waits(FRAMES, 2.0)] == [10.0, 11.0, 13.0]


async def shown_at(page: Page, seconds: float) -> str:
    """The rows that are in the window of the picture so long after it began."""
    text: str = await page.evaluate(
        """(at) => {
            for (const each of document.getAnimations()) { each.pause(); each.currentTime = at; }
            const inside = (node) => {
                const x = node.getBoundingClientRect().left;
                return x >= 0 && x < window.innerWidth;
            };
            return [...document.querySelectorAll("use")].filter(inside)
                .map((use) => document.querySelector(use.getAttribute("href")).textContent)
                .join("|");
        }""",
        seconds * 1000,
    )
    return text


@pytest.mark.slow
async def test_each_frame_is_shown_in_its_time() -> None:
    """And the last one to who wants no motion."""
    svg = drawn(without_waits(FRAMES, 2.0), (2, 30), "A deploy", rest=4.0)
    assert svg.count("/deploy &lt;shop&gt; &amp; prod") == 1, "a row is drawn once"
    async with chromium() as browser:
        page = await browser.new_page(viewport={"width": 284, "height": 100})
        await page.set_content(f'<body style="margin:0">{svg}')
        await expect(page.get_by_role("img", name="A deploy")).to_be_visible()
        prompt = "› /deploy <shop> & prod"
        assert await shown_at(page, 0.5) == prompt
        assert await shown_at(page, 2.5) == f"{prompt}|running"
        assert await shown_at(page, 3.5) == f"{prompt}|succeeded"
        assert await shown_at(page, 7.5) == prompt, "it begins again"
        await page.emulate_media(reduced_motion="reduce")
        assert await shown_at(page, 0.5) == f"{prompt}|succeeded"
