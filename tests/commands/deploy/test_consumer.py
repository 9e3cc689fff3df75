from __future__ import annotations

import os
import sys
from pathlib import Path

import httpx
import pytest
import respx

from baton.bus.messages import State
from baton.server import Server
from baton.testing import Kit
from commands.deploy import Deploy, extension
from commands.deploy.consumer import DeployConsumer
from commands.deploy.releases import cannot
from commands.deploy.settings import DeploySettings
from tests.commands.conftest import MakeKit, Repository
from tests.support.wait import until


def _version(shop: Path) -> str:
    return (shop / "current" / "version").read_text().strip()


def _releases(shop: Path) -> list[str]:
    return sorted(name.partition("-")[2] for name in os.listdir(shop / "releases"))


async def test_a_deploy_makes_a_version_live(
    make_kit: MakeKit, shop: Path, repository: Repository
) -> None:
    """The ref's files, without history, are live; the facts name release, commit and what was."""
    kit = make_kit(steps=[["sh", "-c", "cat version; echo built >built"]])
    asked = await kit.ask("deploy shop prod --ref v1")
    assert (asked.state, _version(shop)) == (State.SUCCEEDED, "v1")
    commit = repository.git("rev-parse", "v1")
    assert asked.text == f"v1 ({commit[:8]}) is live"
    assert asked.facts["commit"] == commit
    assert asked.facts["previous"] is None
    assert (shop / "current" / "REVISION").read_text() == f"{commit}\n"
    assert (shop / "current" / "built").exists()
    assert not (shop / "current" / ".git").exists()
    first = asked.facts["release"]
    assert os.readlink(shop / "current") == f"releases/{first}"

    asked = await kit.ask("deploy shop prod --ref v2")
    assert (asked.state, _version(shop)) == (State.SUCCEEDED, "v2")
    assert asked.facts["previous"] == first
    assert (shop / "deploy.lock").read_text() == ""


async def test_every_step_and_line_is_told_as_it_happens(make_kit: MakeKit) -> None:
    """Steps are named, output is passed on under its step, and the bar only moves forward."""
    kit = make_kit(
        steps=[["sh", "-c", "echo one; echo two >&2"], {"name": "test", "run": ["echo", "three"]}],
        restart=["echo", "restarted"],
        health={"command": ["echo", "well"]},
    )
    asked = await kit.ask("deploy shop prod --ref v1")
    assert asked.state is State.SUCCEEDED
    label = "sh -c echo one; echo two >&2"
    assert asked.steps == ["fetch", label, "test", "switch", "restart", "health"]
    output = {u.step: u.text for u in asked.updates if u.level == "log" and u.step != "fetch"}
    assert output == {label: "one\ntwo", "test": "three", "restart": "restarted", "health": "well"}
    assert asked.percents == [0, 16, 33, 50, 66, 83, 100]


async def test_placeholders_and_variables_tell_a_step_what_is_deployed(
    make_kit: MakeKit, repository: Repository, shop: Path
) -> None:
    """Placeholders become whole words, with nothing of a shell; the same is in BATON_ variables."""
    words = ["{app}", "{environment}", "{host}", "{ref}", "{commit}", "{release}", "{{ref}} $HOME"]
    code = "import os, sys; print(*sys.argv[1:], sep='|'); print(os.environ['BATON_REF'])"
    kit = make_kit(steps=[{"name": "show", "run": [sys.executable, "-c", code, *words]}])
    asked = await kit.ask("deploy shop prod --ref v1")
    commit, release = (
        repository.git("rev-parse", "v1"),
        shop / "releases" / str(asked.facts["release"]),
    )
    said = f"shop|prod|web-1.example.com|v1|{commit}|{release}|{{ref}} $HOME\nv1"
    assert [u.text for u in asked.updates if u.step == "show" and u.level == "log"] == [said]


async def test_branches_tags_commits_and_the_default_can_be_named(
    make_kit: MakeKit, shop: Path, repository: Repository
) -> None:
    """A moved branch, a short commit, the repository's HEAD and the configured ref are found."""
    kit = make_kit()
    moved = repository.commit("moved", tag=False)
    for ref, version in (("main", "moved"), (moved[:9], "moved"), ("v1", "v1"), ("HEAD", "moved")):
        asked = await kit.ask(f"deploy shop prod --ref {ref}")
        assert (asked.state, _version(shop)) == (State.SUCCEEDED, version)
    repository.commit("later", tag=False)
    asked = await kit.ask("deploy shop prod")
    assert _version(shop) == "later"
    assert asked.facts["ref"] == "main"  # what HEAD stands for, by its name
    assert "-main" in str(asked.facts["release"])
    assert "HEAD" not in "".join(asked.said)
    await make_kit(ref="v2").ask("deploy shop prod")
    assert _version(shop) == "v2"
    repository.git("tag", "--force", "v1")
    repository.git("branch", "topic/a")
    await kit.ask("deploy shop prod --ref v1")
    assert _version(shop) == "later"
    repository.git("branch", "--delete", "topic/a")
    repository.git("branch", "topic")
    assert (await kit.ask("deploy shop prod --ref topic")).state is State.SUCCEEDED
    assert any(name.endswith("topic") for name in os.listdir(shop / "releases"))


async def test_a_ref_that_is_not_there_changes_nothing(make_kit: MakeKit, shop: Path) -> None:
    """Who asks for an unknown ref is refused with a hint: a typo is no incident, and nothing was
    touched. If the settings ask for it, the deploy fails."""
    kit = make_kit()
    await kit.ask("deploy shop prod --ref v1")
    before = os.listdir(shop / "releases")
    asked = await kit.ask("deploy shop prod --ref v22")
    assert asked.state is State.REFUSED
    assert os.listdir(shop / "releases") == before
    assert "there is no branch, tag or commit v22 in" in asked.text
    assert "Did you mean v2?" in asked.text
    assert _version(shop) == "v1"
    assert (await make_kit(ref="v22").ask("deploy shop prod")).state is State.FAILED


async def test_a_repository_that_cannot_be_read_is_told_in_gits_words(
    make_kit: MakeKit, tmp_path: Path
) -> None:
    """The reason holds what git said last, and the thread the rest."""
    asked = await make_kit(repository=str(tmp_path / "nowhere")).ask("deploy shop prod")
    assert asked.state is State.FAILED
    assert asked.text == (
        f"fetch failed: git: fatal: '{tmp_path}/nowhere' does not appear to be a git repository"
    )
    assert "the repository exists" in asked.log


async def test_a_git_that_is_not_installed_is_named(make_kit: MakeKit, tmp_path: Path) -> None:
    """A missing program is said to be missing."""
    asked = await make_kit(env={"PATH": str(tmp_path)}).ask("deploy shop prod")
    assert asked.state is State.FAILED
    assert "the program git was not found on this server" in asked.text


async def test_locks_of_a_killed_git_are_in_nobodys_way(make_kit: MakeKit, shop: Path) -> None:
    """A git that was killed leaves lock files; the next deploy goes on."""
    kit = make_kit()
    await kit.ask("deploy shop prod --ref v1")
    for name in ("packed-refs.lock", "refs/heads/main.lock", "index.lock", "config.lock"):
        (shop / "repo" / name).touch()
    assert (await kit.ask("deploy shop prod --ref v2")).state is State.SUCCEEDED


async def test_a_step_that_fails_leaves_what_is_live(make_kit: MakeKit, shop: Path) -> None:
    """Before the switch nothing live is touched; the last failed release is kept."""
    await make_kit().ask("deploy shop prod --ref v1")
    kit = make_kit(steps=[{"name": "build", "run": ["sh", "-c", "echo no rule >&2; exit 2"]}])
    for _ in range(2):
        asked = await kit.ask("deploy shop prod --ref v2")
        assert asked.state is State.FAILED
        assert asked.text == "build failed: exit code 2: no rule"
    assert _version(shop) == "v1"
    failed = [name for name in os.listdir(shop / "releases") if name.endswith(".failed")]
    assert len(failed) == 1
    assert len(_releases(shop)) == 2


async def test_an_unhealthy_release_gives_way_to_the_one_before(
    make_kit: MakeKit, shop: Path, respx_mock: respx.MockRouter, tmp_path: Path
) -> None:
    """When the health check fails, the release before is live and restarted, and it is said so."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200 if _version(shop) == "v1" else 500)

    respx_mock.get("http://shop.example.com/health").mock(side_effect=answer)
    kit = make_kit(
        health={"url": "http://shop.example.com/health", "timeout": 1, "interval": 0.05},
        restart=["sh", "-c", f"cat version >>{tmp_path}/restarts"],
    )
    first = await kit.ask("deploy shop prod --ref v1")
    assert first.state is State.SUCCEEDED
    asked = await kit.ask("deploy shop prod --ref v2")
    assert asked.state is State.FAILED
    release = first.facts["release"]
    assert asked.text == f"health check answered 500, not 200; rolled back to {release}"
    assert _version(shop) == "v1"
    assert (tmp_path / "restarts").read_text().split() == ["v1", "v2", "v1"]


async def test_without_a_release_before_none_is_live(make_kit: MakeKit, shop: Path) -> None:
    """A first deploy that is not healthy leaves no `current`."""
    kit = make_kit(health={"command": ["sh", "-c", "echo sick; exit 1"], "timeout": 0.1})
    asked = await kit.ask("deploy shop prod --ref v1")
    assert asked.state is State.FAILED
    assert asked.text == (
        "health check failed: exit code 1: sick; there was no release before, so none is live now"
    )
    assert "current" not in os.listdir(shop)


async def test_a_restart_that_fails_leads_back(make_kit: MakeKit, shop: Path) -> None:
    """A failed restart is as bad as a failed health check; if it fails again, that is said too."""
    await make_kit().ask("deploy shop prod --ref v1")
    kit = make_kit(restart=["sh", "-c", "test $(cat version) = v1"])
    asked = await kit.ask("deploy shop prod --ref v2")
    assert asked.text.startswith("restart failed: exit code 1; rolled back to ")
    assert _version(shop) == "v1"
    asked = await make_kit(restart=["false"]).ask("deploy shop prod --ref v2")
    assert "-v1, but restart failed: exit code 1" in asked.text
    assert _version(shop) == "v1"


async def test_cancelling_before_the_switch_leaves_what_is_live(
    make_kit: MakeKit, shop: Path
) -> None:
    """A cancelled step is ended and its release set aside; the next deploy is not refused."""
    await make_kit().ask("deploy shop prod --ref v1")
    asked = make_kit(steps=[["sh", "-c", "echo going; sleep 300"]]).start(
        "deploy shop prod --ref v2"
    )
    await until(lambda: "going" in asked.log)
    asked.cancel()
    assert (await asked.ended()).state is State.CANCELLED
    assert _version(shop) == "v1"
    assert (await make_kit().ask("deploy shop prod --ref v2")).state is State.SUCCEEDED
    assert _version(shop) == "v2"


async def test_cancelling_after_the_switch_leads_back(
    make_kit: MakeKit, shop: Path, tmp_path: Path
) -> None:
    """A release whose health nobody knows does not stay live when its deploy is cancelled."""
    await make_kit().ask("deploy shop prod --ref v1")
    kit = make_kit(
        restart=["sh", "-c", f"cat version >>{tmp_path}/restarts"],
        health={"command": ["sh", "-c", "echo asked; exit 1"], "timeout": 300},
    )
    asked = kit.start("deploy shop prod --ref v2")
    await until(lambda: "asked" in asked.log)
    assert _version(shop) == "v2"
    asked.cancel()
    assert (await asked.ended()).state is State.CANCELLED
    assert _version(shop) == "v1"
    assert any(text.startswith("rolled back to ") for text in asked.said)
    assert (tmp_path / "restarts").read_text().split() == ["v2", "v1"]


async def test_old_releases_are_pruned(make_kit: MakeKit, shop: Path) -> None:
    """The newest `keep`, the live one and what a rollback from it goes to stay; what Baton has not
    made is never touched."""
    kit = make_kit(keep=2)
    (shop / "releases" / "by-hand").mkdir(parents=True)
    made = [
        str((await kit.ask(f"deploy shop prod --ref {ref}")).facts["release"])
        for ref in ("v1", "v2", "v1", "v2")
    ]
    left = {*os.listdir(shop / "releases")} - {"by-hand"}
    assert {*made[2:]} <= left < {*made}
    assert (shop / "releases" / "by-hand").is_dir()
    assert _version(shop) == "v2"


async def test_shared_files_are_linked(
    make_kit: MakeKit, shop: Path, repository: Repository
) -> None:
    """Shared files and folders outlive releases, in place of what the repository holds there."""
    repository.commit("v3", log__old="x", config__app="y")
    kit = make_kit(shared=["config/.env", "log/"])
    asked = await kit.ask("deploy shop prod --ref v3")
    assert asked.text == (
        f"the shared file {shop}/shared/config/.env is missing: put it there, and try again"
    )
    (shop / "shared" / "config").mkdir()
    (shop / "shared" / "config" / ".env").write_text("A=1")
    assert (await kit.ask("deploy shop prod --ref v3")).state is State.SUCCEEDED
    assert (shop / "current" / "config" / ".env").read_text() == "A=1"
    (shop / "current" / "log" / "new").write_text("kept")
    await kit.ask("deploy shop prod --ref v3")
    assert (shop / "current" / "log" / "new").read_text() == "kept"
    assert os.listdir(shop / "shared" / "log") == ["new"]


async def test_a_configured_program_can_fetch(make_kit: MakeKit, shop: Path) -> None:
    """`fetch` fills the release by itself, in the release's folder."""
    kit = make_kit(fetch=["sh", "-c", 'echo "$1" >version', "fetch", "{ref}"])
    asked = await kit.ask("deploy shop prod --ref build-17")
    assert (asked.state, _version(shop)) == (State.SUCCEEDED, "build-17")
    assert asked.text == "build-17 is live"
    assert asked.facts["commit"] == ""


async def test_secrets_do_not_show(make_kit: MakeKit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of secret variables are masked in output, reasons and step names."""
    monkeypatch.setenv("NPM_TOKEN", "npm-s3cr3t")
    monkeypatch.setenv("OTHER", "not passed")
    kit = make_kit(
        env={"API_KEY": "key-s3cr3t", "PIN": "pin-s3cr3t", "PORT": "8080"},
        pass_env=["NPM_TOKEN", "ABSENT"],
        secrets=["PIN"],
        steps=[
            ["sh", "-c", "echo $NPM_TOKEN $PIN $PORT ${OTHER-none}; : key-s3cr3t; exit $API_KEY"]
        ],
    )
    asked = await kit.ask("deploy shop prod --ref v1")
    everything = "\n".join(update.model_dump_json() for update in asked.updates)
    assert "s3cr3t" not in everything
    assert "••• ••• 8080 none" in asked.log
    assert asked.state is State.FAILED


async def test_what_this_server_is_not_for_is_refused(make_kit: MakeKit) -> None:
    """An app without a table here, or another environment, is refused before anything is made."""
    kit = make_kit()
    asked = await kit.ask("deploy shpo prod")
    assert asked.state is State.REFUSED
    assert (
        "no [deploy.shpo] in its configuration (configured: shop). Did you mean shop?" in asked.text
    )
    asked = await kit.ask("deploy shop staging")
    assert asked.text == "This server is in prod, not staging."
    assert kit.server.app_names == ("shop",)


async def test_a_folder_that_cannot_be_made_is_named() -> None:
    """What the disk refuses fails the deploy, with the path and the reason."""
    table = {"path": "/sys/baton-test", "repository": "x"}
    asked = await Kit(extension, settings={"shop": table}).ask("deploy shop prod")
    assert asked.state is State.FAILED
    assert asked.text.startswith("/sys/baton-test: ")


def test_what_the_disk_refuses_comes_with_advice() -> None:
    """A full disk and missing rights say what to do."""
    full = OSError(28, "No space left on device", "/srv/shop/releases/x")
    assert cannot(full, Path("/srv/shop")) == (
        "/srv/shop/releases/x: No space left on device: free some disk, and try again"
    )
    assert "let " in cannot(PermissionError(13, "Permission denied"), Path("/srv/shop"))


async def test_a_folder_in_place_of_the_link_is_left_alone(make_kit: MakeKit, shop: Path) -> None:
    """If `current` is a folder somebody made, it is not replaced."""
    (shop / "current").mkdir(parents=True)
    asked = await make_kit().ask("deploy shop prod")
    assert asked.text == (f"{shop}/current is not a link to a release: move it away, and try again")


def test_a_consumer_without_settings_deploys_nothing() -> None:
    """An agent without [deploy] tables knows the command and no app."""
    server = Server("prod", fqdn="web-1")
    assert list(DeployConsumer(server, DeploySettings()).app_names) == []
    assert Kit(extension).parses("/deploy shop prod host=web-1") == Deploy(
        app="shop", environment="prod", host="web-1"
    )


async def test_the_reason_behind_a_flood_is_told(make_kit: MakeKit) -> None:
    """However much a program writes, its last lines arrive, and it is said how much is missing."""
    flood = "yes 'a line of no interest' | head -n 400000; echo ERROR: the real reason; exit 1"
    asked = await make_kit(steps=[["sh", "-c", flood]]).ask("deploy shop prod --ref v1")
    assert asked.state is State.FAILED
    lines = asked.log.splitlines()
    assert lines[-1] == "ERROR: the real reason"
    assert any("characters were left out here" in line for line in lines)
    assert "characters of output were left out" in asked.text
    assert len(asked.log) < 5_000_000
