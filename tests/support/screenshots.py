"""Takes a picture of every page of the console: `python -m tests.support.screenshots FOLDER`.

It runs the demo, has it do what a team does in a day, and takes each page light and dark, wide and
narrow. `make screenshots` writes them into docs/screenshots.
"""

from __future__ import annotations

import asyncio
import os
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser

from baton.bus.messages import Person, new_id
from bot.app.bot import Bot
from bot.demo.play import demo_running
from bot.jobs import console_place
from tests.bot.world import no_groups
from tests.support.browser import NARROW, WIDE, chromium, opened, person
from tests.support.wait import until

SIGNATURE, DATA = b"\x89PNG\r\n\x1a\n", b"IDAT"
ANN, BEN = Person(id="ann", name="ann"), Person(id="ben", name="ben")
DAY = (
    (BEN, "/ping prod"),
    (ANN, "/deploy shop prod --ref v1"),
    (BEN, "/deploy shop prod --ref broken --host web-2"),
    (ANN, "/deploy shop prod"),
    (BEN, "/schedule ping prod every 10m"),
    (ANN, "/schedule deploy shop prod weekdays at 9am Europe/Berlin"),
)
"""What people ask, one after the other; a job ends before the next is asked for."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A page, by the name of its pictures."""

    name: str
    address: str


async def _ask(bot: Bot, asker: Person, text: str) -> str:
    reply = await bot.dispatcher.ask(
        text, asker=asker, groups=no_groups, place=console_place("terminal"), key=new_id()
    )
    assert reply.ok, reply.text
    return reply.job


async def _ended(bot: Bot, job: str) -> None:
    async def all_final() -> bool:
        found = await bot.store.ledger.job(job)
        return found is not None and all(run.state.final for run in found[1])

    await until(all_final, timeout=120)


async def _one_day(bot: Bot) -> str:
    """Have the demo do what a team does in a day; return the job of the deploy that failed."""
    jobs: list[str] = []
    for asker, text in DAY:
        job = await _ask(bot, asker, text)
        if job:
            await _ended(bot, job)
            jobs.append(job)
    await _ask(bot, ANN, "/demo break web-3")
    runner = bot.alert_runner
    assert runner is not None

    def is_down() -> bool:
        firing = runner.engine.firing() if runner.engine else ()
        return any(one.labels.get("host") == "web-3" for one in firing)

    await until(is_down)
    await _ask(bot, BEN, "/alerts silence host=web-1 for 2h because the disk is being replaced")
    return jobs[2]


async def take(browser: Browser, url: str, shots: list[Shot], folder: Path) -> None:
    """Take `shots` of the console at `url` into `folder`."""
    for width, size in ((WIDE, "wide"), (NARROW, "narrow")):
        for dark in (False, True):
            async with person(browser, url, width=width, dark=dark) as reader:
                for shot in shots:
                    page = await opened(reader, shot.address)
                    await page.wait_for_load_state("load")
                    await page.wait_for_timeout(700)  # live parts fill themselves
                    name = f"{shot.name}-{size}-{'dark' if dark else 'light'}.png"
                    await page.screenshot(path=folder / name, animations="disabled", caret="hide")
                    await page.close()


def smaller(png: bytes) -> bytes:
    """The same picture, compressed as well as zlib can: a browser compresses for speed."""
    chunks: list[tuple[bytes, bytes]] = []
    at = len(SIGNATURE)
    while at < len(png):
        size = int.from_bytes(png[at : at + 4])
        chunks.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + size]))
        at += size + 12
    pixels = zlib.compress(zlib.decompress(b"".join(d for kind, d in chunks if kind == DATA)), 9)
    made = [next(one for one in chunks if one[0] == b"IHDR"), (DATA, pixels), (b"IEND", b"")]
    return SIGNATURE + b"".join(
        len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)
        for kind, data in made
    )


async def main(folder: Path) -> None:
    """Take every picture."""
    os.environ["LOGNAME"] = ANN.id  # the demo's console is of whoever runs the demo
    async with demo_running() as (bot, _, url), chromium() as browser:
        failed = await _one_day(bot)
        shots = [
            Shot("home", "/"),
            Shot("run", "/run"),
            Shot("run-deploy", "/run/deploy?f-app=shop&f-environment=prod"),
            Shot("job", f"/jobs/{failed}"),
            Shot("history", "/jobs"),
            Shot("servers", "/servers"),
            Shot("alerts", "/alerts"),
            Shot("schedules", "/schedules"),
            Shot("audit", "/audit"),
        ]
        await take(browser, url, shots, folder)


if __name__ == "__main__":
    pictures = Path(sys.argv[1])
    pictures.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(pictures))
    for picture in pictures.glob("*.png"):
        picture.write_bytes(smaller(picture.read_bytes()))
