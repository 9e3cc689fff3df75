"""Locks and freezes over the API and on their page."""

from __future__ import annotations

from pathlib import Path

from bot.content import NoticeContent
from bot.jobs import Place
from tests.bot.build import ANN
from tests.bot.counter import BEN
from tests.bot.dispatch.gates.freezing.test_in_force import Folder
from tests.bot.dispatch.gates.freezing.test_windows import weekly
from tests.bot.fake_front import FakeFront
from tests.bot.web.console.conftest import Console, OpenConsole
from tests.support.wait import until

ALWAYS = weekly("mon tue wed thu fri sat sun", 0, 24, may_break=(ANN.id,))


async def test_locks_and_freezes_are_listed(console: Console) -> None:
    """With what commands need to change them; nobody waits, and the freeze is never on."""
    freezes = console.bot.dispatching.freezes
    freezes.freezes = (weekly("", 13, 24),)
    assert (await console.ask("lock shop prod for 2h because migration")).status_code == 200
    found = (await console.client.get("/api/v1/locks")).json()
    (lock,) = found["locks"]
    assert (lock["words"], lock["owner"], lock["reason"], lock["number"], lock["waiting"]) == (
        "shop prod",
        "ann",
        "migration",
        1,
        [],
    )
    found = (await console.client.get("/api/v1/freezes")).json()
    (freeze,) = found["freezes"]
    assert (freeze["name"], freeze["until"], freeze["may_break"]) == (
        "no Friday afternoons",
        None,
        "@leads",
    )
    page = (await console.client.get("/gates")).text
    assert "unlock shop prod" in page
    assert "no Friday afternoons" in page


async def test_a_broken_freeze_is_loud_on_its_job_until_it_is_reviewed(console: Console) -> None:
    """Who, which, and why, on the page of the job and on that of gates; then who reviewed it."""
    console.bot.dispatching.freezes.freezes = (ALWAYS,)
    answer = await console.ask('ship shop prod --break-glass "checkout is down"')
    assert answer.status_code == 200, answer.text
    job = answer.json()["job"]
    page = (await console.client.get(f"/jobs/{job}")).text
    assert "ann broke the freeze “no Friday afternoons”." in page
    assert "Reason: checkout is down." in page
    (item,) = (await console.client.get("/api/v1/freezes")).json()["broken"]
    assert (item["job"], item["by"]) == (job, "ann")
    assert "checkout is down" in (await console.client.get("/gates")).text
    store = console.bot.store.broken_freezes
    (found,) = await store.open_items()
    await store.review(found.id, BEN)
    assert "Reviewed by ben." in (await console.client.get(f"/jobs/{job}")).text


async def test_a_freeze_that_is_broken_in_the_console_is_said_in_a_channel(
    open_console: OpenConsole,
) -> None:
    """The console has no posts, so that of [audit] hears it, once; and it is open on the page."""
    front = FakeFront()
    console = await open_console(front=front, audit_channel=Place(front.name, "#audit"))
    console.bot.dispatching.freezes.freezes = (ALWAYS,)
    asked = {"text": 'ship shop prod --break-glass "checkout is down"'}
    for _ in range(2):
        head = {"Idempotency-Key": "the-same"}
        answer = await console.client.post("/api/v1/asks", json=asked, headers=head)
        assert answer.status_code == 200, answer.text
    await until(lambda: front.shown)
    (message,) = front.shown
    assert message.channel == "#audit"
    said = message.content
    assert isinstance(said, NoticeContent)
    assert said.text.startswith("BREAK-GLASS: ann broke the freeze “no Friday afternoons”")
    assert "checkout is down" in (await console.client.get("/gates")).text


async def test_a_calendar_that_is_broken_is_said(console: Console, tmp_path: Path) -> None:
    """And the API."""
    folder = Folder(tmp_path, "holidays")
    freezes = console.bot.dispatching.freezes
    freezes._reread = folder.tables
    freezes.reload_or_log()
    assert (await console.client.get("/api/v1/freezes")).json()["problems"] == []
    folder.calendars[0].unlink()
    await folder.follow(freezes)
    (problem,) = (await console.client.get("/api/v1/freezes")).json()["problems"]
    assert "holidays.ics" in problem
    page = (await console.client.get("/gates")).text
    assert "they stay as they were" in page
    assert "holidays.ics" in page


async def test_a_plan_lists_every_gate(console: Console) -> None:
    """As --why does in chat: the same words."""
    plan = (await console.client.post("/api/v1/plans", json={"text": "ship shop prod"})).json()
    assert [one["gate"] for one in plan["gates"]][:3] == ["permission", "freeze", "lock"]
    assert all(one["ok"] for one in plan["gates"])
    assert plan["gates"][2]["text"] == "Nobody has locked it."
