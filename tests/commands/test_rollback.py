"""A rollback makes an earlier release live again; if it does not serve, what was live is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from baton.bus.messages import State
from baton.outcome import RunReport
from baton.server import Server
from baton.testing import Asked, Kit
from commands.deploy.consumer import DeployConsumer
from commands.deploy.settings import DeploySettings
from commands.rollback import Rollback, extension
from tests.commands.conftest import MakeKit, Repository
from tests.support.wait import until


@pytest.fixture
def back(shop: Path, repository: Repository) -> Any:
    """What makes a kit for rollbacks of shop, with more settings given by keyword."""

    def make(**settings: Any) -> Kit:
        table = {"path": str(shop), "repository": str(repository.path), "grace": 0.5, **settings}
        server = Server("prod", fqdn="web-1.example.com")
        return Kit(extension, settings={"shop": table}, server=server)

    return make


async def deployed(make_kit: MakeKit, *refs: str) -> list[str]:
    """The releases that were deployed, one after the other."""
    names = []
    for ref in refs:
        asked = await make_kit().ask(f"deploy shop prod --ref {ref}")
        assert asked.state is State.SUCCEEDED
        names.append(str(asked.facts["release"]))
    return names


def live(shop: Path) -> str:
    return os.path.basename(os.readlink(shop / "current"))


async def test_the_release_before_is_live_again(
    make_kit: MakeKit, shop: Path, back: Any, repository: Repository
) -> None:
    """Nothing is fetched and no step runs, but it is restarted and checked; the facts name it."""
    first, second = await deployed(make_kit, "v1", "v2")
    repository.path.rename(repository.path.with_name("gone"))
    kit = back(
        steps=[["false"]],
        restart=["sh", "-c", "echo restarting; cat version"],
        health={"command": ["sh", "-c", "echo {commit}"]},
    )
    asked: Asked = await kit.ask("rollback shop prod")
    assert (asked.state, live(shop)) == (State.SUCCEEDED, first), asked.said
    commit = str(asked.facts["commit"])
    assert asked.text == f"v1 ({commit[:8]}) is live again"
    assert asked.facts["previous"] == second
    assert asked.log.splitlines() == ["restarting", "v1", commit]
    assert asked.steps == ["switch", "restart", "health"]
    assert (shop / "deploy.lock").read_text() == ""


async def test_a_release_can_be_named(
    make_kit: MakeKit, shop: Path, back: Any, repository: Repository
) -> None:
    """Also a newer one: forward again."""
    repository.commit("v3")
    first, second, third = await deployed(make_kit, "v1", "v2", "v3")
    asked = await back().ask(f"rollback shop prod --release {first}")
    assert (asked.state, live(shop)) == (State.SUCCEEDED, first)
    asked = await back().ask(f"rollback shop prod --release {third}")
    assert (asked.state, live(shop)) == (State.SUCCEEDED, third)
    asked = await back().ask("rollback shop prod")
    assert live(shop) == second


async def test_what_cannot_be_gone_back_to_is_refused(
    make_kit: MakeKit, shop: Path, back: Any
) -> None:
    """It says what there is; nothing is touched."""
    asked = await back().ask("rollback shop prod")
    assert (asked.state, asked.text) == (State.REFUSED, "shop was never deployed to this server.")
    (only,) = await deployed(make_kit, "v1")
    for words, said in (
        ("", f"There is no release before {only} on this server. It has {only}."),
        (f" --release {only}", f"{only} is live already."),
        (
            " --release 20200101000000-v0",
            f"There is no release 20200101000000-v0 on this server. It has {only}.",
        ),
    ):
        asked = await back().ask(f"rollback shop prod{words}")
        assert (asked.state, asked.text) == (State.REFUSED, said)
    assert live(shop) == only
    asked = await back().ask("rollback shop staging")
    assert (asked.state, asked.text) == (
        State.REFUSED,
        "This server is in prod, not staging.",
    )
    (shop / "current").unlink()
    asked = await back().ask("rollback shop prod")
    assert asked.text.startswith("What is live is no release of Baton: choose one with --release.")


@pytest.mark.parametrize("how", ["restart", "health"])
async def test_one_that_does_not_serve_leaves_what_was_live(
    make_kit: MakeKit, shop: Path, back: Any, how: str
) -> None:
    """And the release is kept: it is not one that failed to be made."""
    first, second = await deployed(make_kit, "v1", "v2")
    only_v2 = ["sh", "-c", "grep -q v2 version"]
    table = (
        {"restart": only_v2}
        if how == "restart"
        else {"health": {"command": only_v2, "timeout": 0.1}}
    )
    asked = await back(**table).ask("rollback shop prod")
    assert (asked.state, live(shop)) == (State.FAILED, second)
    assert f"rolled back to {second}" in asked.text
    assert first in os.listdir(shop / "releases")


async def test_one_at_a_time_with_deploys(make_kit: MakeKit, shop: Path, back: Any) -> None:
    """They share the lock of the app."""
    await deployed(make_kit, "v1", "v2")
    slow = make_kit(steps=[["sleep", "30"]]).start("deploy shop prod --ref v1")
    await until(lambda: "sleep 30" in "".join(slow.steps))
    asked = await back().ask("rollback shop prod")
    assert asked.state is State.REFUSED
    assert asked.text.startswith("One deploy at a time: shop v1 (job ")
    slow.cancel()
    await slow.ended()


async def test_an_agent_knows_what_is_live(make_kit: MakeKit, shop: Path) -> None:
    """From the disk, not from what was asked: the release, its commit, since when, and where a
    rollback would go. An app that was never deployed has none."""
    table = {
        "shop": {"path": str(shop), "repository": "https://git.example.com/shop.git"},
        "site": {"path": str(shop / "none"), "repository": "https://git.example.com/site.git"},
    }
    consumer = DeployConsumer(Server("prod"), DeploySettings.model_validate(table))
    assert consumer.releases() == {}
    first, second = await deployed(make_kit, "v1", "v2")
    (app,) = consumer.releases()
    found = consumer.releases()[app]
    assert (app, found.release, found.previous) == ("shop", second, first)
    assert found.version == f"v2 ({found.commit[:8]})"
    assert found.since is not None
    (shop / "current").unlink()
    (shop / "current").symlink_to("releases/by-hand")
    assert consumer.releases() == {}


def test_the_outcome_names_the_version() -> None:
    """One line if it is the same everywhere; else which is where."""
    command = Rollback(app="shop", environment="prod")

    def run(host: str, version: str, state: State = State.SUCCEEDED) -> RunReport:
        return RunReport(host, state, "", "", None, 1.0, {"version": version})

    runs = [run("web-1", "v1"), run("web-2", "v1")]
    assert command.outcome(runs).summary == "back on v1 on 2 of 2"
    runs = [run("web-1", "v1"), run("web-2", "v0")]
    assert command.outcome(runs).summary == "back on v1 on web-1; v0 on web-2"
    runs = [run("web-1", "v1"), run("web-2", "", State.FAILED)]
    assert command.outcome(runs).summary == "1 of 2 succeeded, 1 failed"


async def test_a_rollback_never_goes_to_what_was_rolled_back_from(
    make_kit: MakeKit, shop: Path, back: Any, repository: Repository
) -> None:
    """It goes to what was live when the bad one came, also after another deploy, and however
    few releases are kept."""
    for version in ("v3", "v4", "v5"):
        repository.commit(version)
    first, second, third = await deployed(make_kit, "v1", "v2", "v3")
    await back().ask("rollback shop prod")
    assert live(shop) == second
    (fourth,) = await deployed(make_kit, "v4")
    await back().ask("rollback shop prod")
    assert live(shop) == second, "v3 was bad"
    await back().ask("rollback shop prod")
    assert live(shop) == first
    asked = await make_kit(keep=2).ask("deploy shop prod --ref v5")
    assert asked.state is State.SUCCEEDED
    await back().ask("rollback shop prod")
    assert live(shop) == first, "it is kept, though it is old"
    assert third not in os.listdir(shop / "releases")
    assert fourth in os.listdir(shop / "releases")


async def test_what_would_change_can_be_asked(make_kit: MakeKit, shop: Path, back: Any) -> None:
    """To which commit it goes, and what is live: people approve that, and nothing else."""
    await deployed(make_kit, "v1", "v2")
    (consumer,) = back().consumers
    facts = await consumer.survey(Rollback(app="shop", environment="prod"))
    assert len(facts.commit) == 40
    assert facts.live.startswith("v2 (")
    assert facts.settings
