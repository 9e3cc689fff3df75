"""A server that has not live what its last deploy put there is an alert, until it has."""

from __future__ import annotations

from datetime import datetime

from alerts.observation import Observation, Sample
from baton.bus.facts import Facts, ReleaseFacts
from baton.bus.messages import State, now
from baton.command import Known, KnownServer
from bot.alerting.drift_watch import DriftWatch
from bot.store import Store
from tests.bot.build import update
from tests.bot.counter import Counter

V1 = ReleaseFacts(release="20260101000000-v1", commit="1111111111")
V2 = ReleaseFacts(release="20260102000000-v2", commit="2222222222")


class Servers(Known):
    """web-1 with `live`, as it is now."""

    def __init__(self) -> None:
        self.live: ReleaseFacts | None = V2
        self.blind = False

    @property
    def blind_since(self) -> datetime | None:
        """Since when nothing is heard."""
        return now() if self.blind else None

    def servers(self) -> list[KnownServer]:
        """The one server."""
        releases = {"other": V1} | ({"shop": self.live} if self.live else {})
        facts = Facts(host="web-1", environment="prod", apps=("shop", "site"), releases=releases)
        return [KnownServer(facts, silent=1.0)]


async def test_a_change_by_hand_fires_and_ends(store: Store) -> None:
    """From the second look on: the first may compare with an old heartbeat. What was never deployed
    is nothing to compare with."""
    counter, servers, seen = Counter(store), Servers(), list[Observation]()
    job = (await counter.ask("ship shop prod --ref v2")).job
    found = await store.ledger.job(job)
    assert found is not None
    run = next(run for run in found[1] if run.host == "web-1")
    facts = {"release": V2.release, "commit": V2.commit, "ref": "v2"}
    end = update(1, State.SUCCEEDED, job=job, request=run.request, host="web-1")
    await store.ledger.apply_updates([end.model_copy(update={"facts": facts})], now())
    watch = DriftWatch(servers, store.ledger, seen.append, lambda: 7.0)

    async def looks() -> list[tuple[bool, str]]:
        seen.clear()
        await watch.round()
        return [(one.bad, one.text) for one in seen if isinstance(one, Sample)]

    assert await looks() == [(False, "")], "the first look ends what an earlier bot said"
    assert await looks() == []
    servers.live = V1
    assert await looks() == []
    text = f"v1 (11111111) is live, but ship shop prod --ref v2 ({job[:6]}) had put v2 (22222222) "
    assert await looks() == [(True, f"{text}there")]
    assert await looks() == [], "once"
    servers.blind = True
    servers.live = V2
    assert await looks() == [], "nothing is concluded while the bot is blind"
    servers.blind = False
    assert await looks() == [(False, "")]
    servers.live = None
    await looks()
    assert await looks() == [(True, text.replace("v1 (11111111)", "no release") + "there")]
