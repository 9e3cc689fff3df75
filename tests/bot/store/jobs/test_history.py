"""The jobs of the past: filtered, newest first, page by page, over both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection

from baton.bus.messages import State
from bot.jobs import NewJob
from bot.store import Store
from bot.store.jobs import schedule_post_rows
from bot.store.jobs.history import JobFilter, JobOutcome, Moment
from tests.bot.store.build import BEN, asked, deploy, later, ping, update
from tests.bot.store.jobs.test_schedule_post_rows import NOTICE


async def stored(store: Store) -> dict[str, NewJob]:
    """Jobs of two people, in two environments, that went differently."""
    shop: dict[str, Any] = {"title": "deploy shop prod --ref Größe_1%"}
    made = {
        "ok": deploy("web-1", "web-2", asked=later(1), **shop),
        "failed": deploy("web-1", "web-2", asked=later(2), asked_by=BEN),
        "open": deploy("web-1", asked=later(3), app="blog", title="deploy blog prod"),
        "ping": ping("web-1", asked=later(4), environment="prod, test"),
        "same": ping("web-1", asked=later(4), environment="test"),
    }
    for new in made.values():
        await asked(store, new)
    said = [
        update(made["ok"], "web-1", 1, State.SUCCEEDED),
        update(made["ok"], "web-2", 1, State.SUCCEEDED),
        update(made["failed"], "web-1", 1, State.SUCCEEDED),
        update(made["failed"], "web-2", 1, State.FAILED),
        update(made["open"], "web-1", 1, State.RUNNING),
    ]
    await store.ledger.apply_updates(said, later(9))
    return made


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (JobFilter(), "ping same open failed ok"),
        (JobFilter(person="U_BEN"), "failed"),
        (JobFilter(person="Ben"), "failed"),
        (JobFilter(command="ping"), "ping same"),
        (JobFilter(app="blog"), "open"),
        (JobFilter(environment="test"), "ping same"),
        (JobFilter(environment="prod"), "ping open failed ok"),
        (JobFilter(environment="pro"), ""),
        (JobFilter(server="web-2"), "failed ok"),
        (JobFilter(server="web"), ""),
        (JobFilter(server="\0"), ""),
        (JobFilter(since=later(3)), "ping same open"),
        (JobFilter(until=later(3)), "failed ok"),
        (JobFilter(outcome=JobOutcome.SUCCEEDED), "ok"),
        (JobFilter(outcome=JobOutcome.UNSUCCESSFUL), "failed"),
        (JobFilter(outcome=JobOutcome.WENT_WRONG), "failed"),
        (JobFilter(outcome=JobOutcome.FAILED), "failed"),
        (JobFilter(outcome=JobOutcome.LOST), ""),
        (JobFilter(outcome=JobOutcome.OPEN), "ping same open"),
        (JobFilter(text="SHOP PROD"), "failed ok"),
        (JobFilter(text="gRÖSSE"), ""),
        (JobFilter(text="gRÖßE"), "ok"),
        (JobFilter(text="_1%"), "ok"),
        (JobFilter(text="ben"), "failed"),
        (JobFilter(text="\0\x1b"), ""),
        (JobFilter(person="U_ANN", environment="prod", text="deploy"), "open ok"),
    ],
)
async def test_filters(store: Store, wanted: JobFilter, names: str) -> None:
    """All that is asked for must be true of a job; the newest is first."""
    made = await stored(store)
    ids = {new.job.id: name for name, new in made.items()}
    found = await store.ledger.history(wanted)
    assert {ids[past.job.id] for past in found.jobs} == set(names.split())
    times = [past.moment for past in found.jobs]
    assert times == sorted(times, reverse=True)
    assert found.next is None


async def test_what_was_only_cancelled_did_not_go_wrong(store: Store) -> None:
    """It was not successful either. Where another server failed, that counts."""
    for number, worse in enumerate((State.SUCCEEDED, State.FAILED)):
        new = deploy("web-1", "web-2", asked=later(number))
        await asked(store, new)
        ends = [update(new, "web-1", 1, State.CANCELLED), update(new, "web-2", 1, worse)]
        await store.ledger.apply_updates(ends, later(9))
    for outcome, count in ((JobOutcome.UNSUCCESSFUL, 2), (JobOutcome.WENT_WRONG, 1)):
        found = await store.ledger.history(JobFilter(outcome=outcome))
        assert [past.state for past in found.jobs][:count][0] is State.FAILED
        assert len(found.jobs) == count


async def test_a_server_is_found_by_its_short_name(store: Store) -> None:
    """As in chat, `web-1` is `web-1.example.com` too, and no other name that begins so."""
    far = deploy("web-1.example.com", asked=later(1))
    for new in (far, deploy("web-10.example.com", asked=later(2))):
        await asked(store, new)
    for name in ("web-1", "web-1.example", "web-1.example.com"):
        found = await store.ledger.history(JobFilter(server=name))
        assert [past.job.id for past in found.jobs] == [far.job.id]


async def test_a_job_is_found_by_its_id(store: Store) -> None:
    """Or by the beginning of it."""
    made = await stored(store)
    id = made["open"].job.id
    found = await store.ledger.history(JobFilter(text=id[:6].upper()))
    assert [past.job.id for past in found.jobs] == [id]


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
async def test_pages_hold_every_job_once(store: Store, limit: int) -> None:
    """Also jobs of the same moment, and though others are asked meanwhile."""
    made = await stored(store)
    seen: list[str] = []
    before: Moment | None = None
    while True:
        page = await store.ledger.history(JobFilter(), before, limit)
        seen += [past.job.id for past in page.jobs]
        await asked(store, deploy("web-1", asked=later(60 + len(seen))))
        if page.next is None:
            break
        before = Moment.parse(str(page.next))
    assert sorted(seen) == sorted(new.job.id for new in made.values())


async def test_states_are_counted(store: Store) -> None:
    """As posts say them: running while one runs, else the worst end."""
    made = await stored(store)
    found = {past.job.id: past for past in (await store.ledger.history(JobFilter())).jobs}
    states = {name: found[new.job.id].state for name, new in made.items()}
    assert states == {
        "ok": State.SUCCEEDED,
        "failed": State.FAILED,
        "open": State.RUNNING,
        "ping": State.SENT,
        "same": State.SENT,
    }
    counts = found[made["failed"].job.id].states
    assert counts == {State.SUCCEEDED: 1, State.FAILED: 1}


async def test_posts_of_schedules_are_no_jobs(store: Store) -> None:
    """They stand among them for their posts alone."""
    new = await asked(store, deploy("web-1"))

    def show(connection: Connection) -> None:
        schedule_post_rows.show(connection, [NOTICE])

    await store._database.write(show)
    found = await store.ledger.history(JobFilter())
    assert [past.job.id for past in found.jobs] == [new.job.id]


@pytest.mark.parametrize("text", ["", "x", f"{10**30}.a", ".a"])
def test_what_is_no_moment(text: str) -> None:
    """Is refused."""
    with pytest.raises(ValueError, match=r".*"):
        Moment.parse(text)
