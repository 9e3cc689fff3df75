"""Takes a picture of every page of the console: `python -m tests.support.screenshots FOLDER`.

It runs the demo, has it do what a team does in a day, and takes each page light and dark, wide and
narrow; what people see who sign in, at a second console of the same bot. `make screenshots` writes
them into docs/screenshots.
"""

from __future__ import annotations

import asyncio
import os
import sys
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, expect

from baton.bus.messages import Person, new_id
from bot.app.bot import Bot
from bot.app.console import serve_console
from bot.demo.play import demo_running
from bot.fronts.terminal.front import TerminalFront
from bot.jobs import console_place
from bot.store.sign_ins.sign_in import SignInOwner
from bot.web.console.sign_in.session_access import COOKIE, SessionAccess
from bot.web.server import WebServer
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
LOOKS: Mapping[str, Mapping[str, Any]] = {
    f"{size}-{'dark' if dark else 'light'}": {"width": width, "dark": dark}
    for size, width in (("wide", WIDE), ("narrow", NARROW))
    for dark in (False, True)
}
"""How each page is taken, by the end of the picture's name."""


RUNNING = "/deploy shop prod"
"""What a job does whose page is taken while it runs."""
ROLLOUT = "/deploy shop prod --canary 1 --wave 1 --pause"
"""What a job does whose page is taken while it asks whether it goes on."""


IN_WAVES = "rollout-canary=1&rollout-wave=25%25&rollout-pause=first&rollout-back=yes"
"""What a form says of a rollout, in its address."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A page, by the name of its pictures."""

    name: str
    address: str
    status: int = 200


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


@dataclass(frozen=True, slots=True)
class Camera:
    """Takes pictures of the console at `url` into `folder`. `session` is the secret of whoever has
    signed in."""

    browser: Browser
    url: str
    folder: Path
    session: str = ""

    async def take(self, shots: Sequence[Shot]) -> None:
        """Take each page in each of its looks."""
        for look, options in LOOKS.items():
            for shot in shots:
                async with person(self.browser, self.url, **options) as reader:
                    if self.session:
                        await reader.add_cookies(
                            [{"name": COOKIE, "value": self.session, "url": self.url}]
                        )
                    page = await opened(reader, shot.address, status=shot.status)
                    await self._keep(page, f"{shot.name}-{look}")

    async def take_running(self, bot: Bot) -> None:
        """Take the page of a job in the middle of it, in each of its looks."""
        for look, options in LOOKS.items():
            async with person(self.browser, self.url, **options) as reader:
                job = await _ask(bot, ANN, RUNNING)
                page = await opened(reader, f"/jobs/{job}")
                await expect(page.locator("#log")).to_contain_text("2 of 5")
                await self._keep(page, f"job-running-{look}", settle=0)
                await _ended(bot, job)

    async def take_rollout(self, bot: Bot) -> None:
        """Take the page of a job that asks whether it goes on, in each of its looks."""
        job = await _ask(bot, ANN, ROLLOUT)
        for look, options in LOOKS.items():
            async with person(self.browser, self.url, **options) as reader:
                page = await opened(reader, f"/jobs/{job}")
                await expect(page.locator("#hold .now")).to_contain_text(
                    "Wave 1 is done", timeout=60_000
                )
                await self._keep(page, f"rollout-{look}")
        await _ask(bot, ANN, f"/cancel {job}")
        await _ended(bot, job)

    async def _keep(self, page: Page, name: str, *, settle: int = 700) -> None:
        await page.wait_for_load_state("load")
        await page.wait_for_timeout(settle)  # live parts fill themselves
        path = self.folder / f"{name}.png"
        await page.screenshot(path=path, animations="disabled", caret="hide")


@asynccontextmanager
async def _signing_in(bot: Bot) -> AsyncIterator[tuple[str, str]]:
    """A console of `bot` that people sign in to: where it is, and the secret of who has."""
    owner, sign_ins = SignInOwner(ANN, TerminalFront.name), bot.store.sign_ins
    secret, _ = await sign_ins.new_session(owner, "Firefox on Linux")
    await sign_ins.new_session(owner, "Safari on iPhone")
    await sign_ins.new_token(owner, "laptop", "ask", timedelta(days=90))
    await sign_ins.new_token(owner, "dashboard", "read", timedelta(days=30))
    web = WebServer.listen("127.0.0.1", 0)
    dispatching = bot.dispatching
    access = SessionAccess(sign_ins, dispatching.people, dispatching.authorizer, web.url)
    serve_console(web, bot, access, url=web.url)
    try:
        yield web.url, secret
    finally:
        await web.stop()


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
        camera = Camera(browser, url, folder)
        await camera.take_running(bot)
        await camera.take_rollout(bot)
        failed = await _one_day(bot)
        await camera.take(
            [
                Shot("home", "/"),
                Shot("run", "/run"),
                Shot("run-deploy", "/run/deploy?f-app=shop&f-environment=prod"),
                Shot("run-rollout", f"/run/deploy?f-app=shop&f-environment=prod&{IN_WAVES}"),
                Shot("job", f"/jobs/{failed}"),
                Shot("history", "/jobs"),
                Shot("servers", "/servers"),
                Shot("alerts", "/alerts"),
                Shot("schedules", "/schedules"),
                Shot("audit", "/audit"),
                Shot("error", "/jobs/nothing", status=404),
            ]
        )
        await _ask(bot, BEN, "/lock shop prod for 2h because the database is migrated")
        await _ask(bot, ANN, "/lock shop prod for 1h because v2 is to be tested")
        await camera.take([Shot("gates", "/gates")])
        async with _signing_in(bot) as (url, session):
            await Camera(browser, url, folder).take([Shot("sign-in", "/sign-in")])
            await Camera(browser, url, folder, session).take([Shot("sessions", "/sessions")])


if __name__ == "__main__":
    pictures = Path(sys.argv[1])
    pictures.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(pictures))
    for picture in pictures.glob("*.png"):
        picture.write_bytes(smaller(picture.read_bytes()))
