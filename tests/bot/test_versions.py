"""What is live where, what should be, and why it is not: by agents, and by what was asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from baton.bus.facts import Facts, ReleaseFacts
from baton.bus.messages import Person, State
from baton.command import KnownServer
from bot.jobs import Job, Place, RunRecord
from bot.versions import Deployed, versions
from tests.bot.store.build import T0

V1 = ReleaseFacts(release="20260101000000-v1", commit="1111111111", since=T0)
V2 = ReleaseFacts(release="20260102000000-v2", commit="2222222222", previous=V1.release, since=T0)


def server(host: str, live: ReleaseFacts | None = None, **changes: Any) -> KnownServer:
    """One that deploys shop."""
    releases = {} if live is None else {"shop": live}
    facts = Facts(
        host=host, environment="prod", apps=("shop",), commands=("deploy",), releases=releases
    )
    return KnownServer(facts, silent=2.0, **changes)


def deploy(id: str, title: str, **ends: ReleaseFacts | State) -> Deployed:
    """A job, and how it ended on each server: with what is live there, or in a state."""
    job = Job(
        id, id, "deploy", {}, title, "prod", "shop", Person(id="U_ANN"), Place("slack", "C"), T0
    )
    runs = []
    for name, end in ends.items():
        run = RunRecord(id, name.replace("_", "-"), f"r-{name}", 1, T0, 60.0)
        if isinstance(end, State):
            runs.append(replace(run, state=end, text="disk full" if end is State.FAILED else ""))
        else:
            facts = {"release": end.release, "commit": end.commit}
            runs.append(replace(run, state=State.SUCCEEDED, facts=facts, finished=T0))
    return job, tuple(runs)


def why(seen: KnownServer, *jobs: Deployed) -> str:
    """Why it does not run what is wanted."""
    (one,) = versions([seen], "shop", jobs)
    return one.why


SECOND = deploy("bbbbbbbb", "deploy shop prod --ref v2", web_1=V2, web_2=State.FAILED)
FIRST = deploy("aaaaaaaa", "deploy shop prod --ref v1", web_1=V1, web_2=V1)


def test_what_is_wanted_is_what_the_latest_deploy_brought() -> None:
    """On each server by its commit; why it is another one stands beside it."""
    found = versions([server("web-1", V2), server("web-2", V1)], "shop", [SECOND, FIRST])
    assert [(one.host, one.label, one.wanted, one.why) for one in found] == [
        ("web-1", "v2 (22222222)", "v2 (22222222)", ""),
        (
            "web-2",
            "v1 (11111111)",
            "v2 (22222222)",
            "deploy shop prod --ref v2 (bbbbbb) failed there: disk full",
        ),
    ]


@pytest.mark.parametrize(
    ("seen", "jobs", "said"),
    [
        (server("web-1", V1), [SECOND, FIRST], "changed by hand after deploy shop prod --ref v2"),
        (server("web-1"), [SECOND], "succeeded there, and nothing is live now: changed by hand"),
        (server("web-3"), [SECOND], "never deployed there"),
        (
            server("web-2", V1, missing=True),
            [deploy("cccccccc", "deploy", web_1=V2, web_2=State.LOST), FIRST],
            "lost there; no heartbeat for 2.0 s",
        ),
        (
            server("web-2", V1),
            [deploy("cccccccc", "deploy", web_1=V2, web_2=State.RUNNING), FIRST],
            "is running there",
        ),
        (
            server("web-2", V1),
            [deploy("cccccccc", "deploy --host web-1", web_1=V2), FIRST],
            "the latest deploy was not for it",
        ),
    ],
)
def test_why_a_server_runs_something_else(
    seen: KnownServer, jobs: list[Deployed], said: str
) -> None:
    """Each reason names the job, where there is one."""
    assert said in why(seen, *jobs)


def test_a_server_without_the_deploy_command_is_told_apart() -> None:
    """Its agent can say nothing of what is live there."""
    facts = Facts(host="web-1", environment="prod", apps=("shop",))
    assert why(KnownServer(facts, 1.0), SECOND) == "its agent deploys nothing"


def test_without_a_deploy_nothing_is_wanted() -> None:
    """As after the retention: what is live is shown all the same."""
    (one,) = versions([server("web-1", V1)], "shop", [])
    assert (one.label, one.wanted, one.why) == ("v1 (11111111)", "", "")
    failed = deploy("cccccccc", "deploy", web_1=State.FAILED)
    (one,) = versions([server("web-1", V1)], "shop", [failed])
    assert (one.wanted, one.why) == ("", "")


def test_servers_of_other_apps_are_left_out() -> None:
    """Only who has the app is compared."""
    other = Facts(host="db-1", environment="prod", apps=("db",))
    assert versions([KnownServer(other, 1.0)], "shop", [SECOND]) == []


def test_a_release_without_git_is_compared_by_its_name() -> None:
    """On its own server; on others its name says nothing, and nothing is claimed."""
    tar = ReleaseFacts(release="20260105000000-1.4", since=T0 + timedelta(days=1))
    jobs = [deploy("dddddddd", "deploy shop prod", web_1=tar, web_2=tar)]
    newer = ReleaseFacts(release="20260106000000-1.5")
    assert why(server("web-1", tar), *jobs) == ""
    assert "changed by hand" in why(server("web-1", newer), *jobs)
