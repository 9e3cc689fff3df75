"""Which release is live where: what the last deploy that succeeded there said."""

from __future__ import annotations

from baton.bus.messages import State
from bot.store import Store
from bot.store.jobs.releases import LiveRelease
from tests.bot.store.build import T0, asked, deploy, entry, job_of, later, update


async def test_the_last_deploy_that_succeeded_counts(store: Store) -> None:
    """On each server by itself; one that failed leaves what was live before."""
    first = await asked(store, deploy("web-1", "web-2"))
    facts = {"ref": "v1", "commit": "1a2b3c4d5e6f", "release": "20261124-1a2b3c4d"}
    await store.ledger.apply_updates(
        [update(first, host, 1, State.SUCCEEDED, facts=facts) for host in ("web-1", "web-2")],
        later(10),
    )
    second = await asked(store, deploy("web-1", "web-2", asked=later(100)))
    newer = {"ref": "", "commit": "", "release": "20261125-x"}
    await store.ledger.apply_updates(
        [
            update(second, "web-1", 1, State.SUCCEEDED, facts=newer),
            update(second, "web-2", 1, State.FAILED, facts=newer),
        ],
        later(110),
    )
    found = await store.ledger.live_releases(["prod"])
    assert found["web-1", "shop"].label == "20261125-x"
    assert found["web-2", "shop"] == LiveRelease(
        "web-2",
        "shop",
        "v1",
        "1a2b3c4d5e6f",
        "20261124-1a2b3c4d",
        await job_of(store, first),
        later(10),
    )
    assert found["web-2", "shop"].label == "v1 (1a2b3c4d)"


async def test_what_is_no_deploy_says_nothing(store: Store) -> None:
    """Only runs that name a release count."""
    job = await asked(store, deploy("web-1"))
    await store.ledger.apply_updates([update(job, "web-1", 1, State.SUCCEEDED)], later(1))
    assert await store.ledger.live_releases(["prod"]) == {}


async def test_a_busy_environment_hides_nothing_of_another(store: Store) -> None:
    """However often something is deployed to staging, what is live in prod stays known."""
    first = await asked(store, deploy("web-1"))
    done = update(first, "web-1", 1, State.SUCCEEDED, facts={"release": "20261124-1a2b3c4d"})
    await store.ledger.apply_updates([done], later(10))
    for number in range(301):
        new = deploy("test-1", environment="staging", asked=later(100 + number), closed=T0)
        await store.ledger.start_job(new, entry(new))
    found = await store.ledger.live_releases({"prod", "staging"})
    assert found["web-1", "shop"].job.id == first.job.id
