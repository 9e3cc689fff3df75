"""A release is what a clone of the commit is, from a mirror that is only a cache."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from baton.bus.messages import State
from commands.deploy.refs import Candidate, candidates, obeyed
from tests.commands.conftest import MakeKit, Repository


def _version(shop: Path) -> str:
    return (shop / "current" / "version").read_text().strip()


def _git(*words: str) -> None:
    subprocess.run(["git", *words], check=True, capture_output=True)


def _user_git(*words: str) -> None:
    _git("config", "--global", *words)


async def test_a_head_that_points_nowhere_stops_nothing_that_is_named(
    make_kit: MakeKit, shop: Path, repository: Repository
) -> None:
    """main was renamed and HEAD was not: a ref that is named is deployed; without one it is said
    what is missing and what there is."""
    repository.git("branch", "--move", "main", "trunk")
    repository.git("symbolic-ref", "HEAD", "refs/heads/main")
    asked = await make_kit().ask("deploy shop prod --ref trunk")
    assert (asked.state, _version(shop)) == (State.SUCCEEDED, "v2")
    asked = await make_kit().ask("deploy shop prod")
    assert asked.state is State.FAILED
    assert asked.text == (
        f"HEAD of {repository.path} points to no branch (it has trunk): choose one with --ref, or"
        " set ref in [deploy.shop]"
    )


async def test_an_empty_repository_is_said_to_be_empty(make_kit: MakeKit, tmp_path: Path) -> None:
    """Nothing is there to deploy, whatever is asked for."""
    _git("init", "--quiet", "--bare", str(tmp_path / "empty.git"))
    kit = make_kit(repository=str(tmp_path / "empty.git"))
    assert "it has no branch at all" in (await kit.ask("deploy shop prod")).text
    asked = await kit.ask("deploy shop prod --ref main")
    assert "there is no branch, tag or commit main" in asked.text


async def test_a_head_that_is_no_branch_is_its_commit(
    make_kit: MakeKit, shop: Path, repository: Repository
) -> None:
    """As a clone of it would have it."""
    repository.git("checkout", "--quiet", "--detach", "v1")
    asked = await make_kit().ask("deploy shop prod")
    assert (asked.state, _version(shop)) == (State.SUCCEEDED, "v1")
    assert asked.text == f"{repository.git('rev-parse', 'v1')[:8]} is live"


async def test_a_tag_and_a_branch_of_one_name_are_told_apart(
    make_kit: MakeKit, shop: Path, repository: Repository
) -> None:
    """Of different commits it is refused, with what to say; of one commit there is no doubt."""
    repository.git("tag", "rel", "v1")
    repository.git("branch", "rel", "v1")
    assert (await make_kit().ask("deploy shop prod --ref rel")).state is State.SUCCEEDED
    repository.git("branch", "--force", "rel", "v2")
    asked = await make_kit().ask("deploy shop prod --ref rel")
    assert asked.state is State.REFUSED
    assert asked.text.endswith("use refs/tags/rel or refs/heads/rel")
    assert _version(shop) == "v1"
    for ref, version in (("refs/heads/rel", "v2"), ("refs/tags/rel", "v1"), ("heads/rel", "v2")):
        asked = await make_kit().ask(f"deploy shop prod --ref {ref}")
        assert (asked.state, _version(shop)) == (State.SUCCEEDED, version)


@pytest.mark.parametrize("name", ["fix/#123", "a+b@c", "ünï/=x", "x{y}", "a,b", "v1.lockx", "%41"])
async def test_what_git_calls_a_ref_is_one(
    make_kit: MakeKit, shop: Path, repository: Repository, name: str
) -> None:
    """It goes to git by its full name, and to programs as one word."""
    repository.git("branch", name, "v1")
    kit = make_kit(steps=[["sh", "-c", 'echo "$# $1"', "x", "{ref}"]])
    asked = await kit.ask(f"deploy shop prod '--ref={name}'")
    assert (asked.state, _version(shop)) == (State.SUCCEEDED, "v1")
    assert f"1 {name}" in asked.log.splitlines()


async def test_a_commit_is_found_however_it_is_written(
    make_kit: MakeKit, shop: Path, repository: Repository
) -> None:
    """In capitals too, whole or short; a whole id is a commit even if a branch is called so."""
    first, second = repository.git("rev-parse", "v1"), repository.git("rev-parse", "v2")
    repository.git("update-ref", f"refs/heads/{first}", second)
    for ref in (first.upper(), first[:10].upper(), first):
        asked = await make_kit().ask(f"deploy shop prod --ref {ref}")
        assert (asked.state, _version(shop)) == (State.SUCCEEDED, "v1")


async def test_what_is_no_commit_is_refused(make_kit: MakeKit, repository: Repository) -> None:
    """A tag of a file is there, and nothing that could be deployed; the mirror is not to blame."""
    repository.git("tag", "file", repository.git("rev-parse", "v1:version"))
    asked = await make_kit().ask("deploy shop prod --ref file")
    assert asked.state is State.REFUSED
    assert asked.text == "refs/tags/file is not a commit and points to none"


@pytest.mark.parametrize(
    ("step", "refused"),
    [
        (["echo", "{ref}"], False),
        (["deploy", "--ref={ref}"], False),
        (["sh", "-c", 'echo "$BATON_REF"'], False),
        (["sh", "-c", "echo {ref}"], True),
        (["env", "bash", "-lc", "x '{ref}'"], True),
        (["python3", "-c", "print('{ref}')"], True),
        (["ssh", "host", "deploy", "{ref}"], True),
        (["make", "build"], True),
    ],
)
def test_nothing_in_a_ref_is_obeyed_by_a_shell(step: list[str], refused: bool) -> None:
    """Git allows `$(id)` in a name. Where a program could have a shell read it, it is refused."""
    for ref in ("$(id)", "a;id", "`id`", "a|b", "it's", "#x"):
        assert obeyed(ref, step) is refused
    for ref in ("fix/#123", "v1.2+3", "ünï", "a@b", "x,y", "50%"):
        assert not obeyed(ref, step)


async def test_a_ref_that_a_shell_would_obey_is_refused(
    make_kit: MakeKit, shop: Path, repository: Repository, tmp_path: Path
) -> None:
    """Before anything is touched."""
    name = f"$(touch${{IFS}}{tmp_path}/hacked)".replace("{IFS}", "IFS")
    repository.git("branch", name, "v1")
    asked = await make_kit(steps=[["sh", "-c", "echo {ref}"]]).ask(
        f"deploy shop prod '--ref={name}'"
    )
    assert asked.state is State.REFUSED
    assert "characters that a shell interprets" in asked.text
    assert not (tmp_path / "hacked").exists()
    assert not (shop / "releases").exists()


async def test_a_default_branch_that_a_shell_would_obey_is_refused(
    make_kit: MakeKit, shop: Path, repository: Repository
) -> None:
    """Whoever may rename it does not say what is run."""
    repository.git("branch", "--move", "main", "$(id)")
    kit = make_kit(steps=[["sh", "-c", "echo {ref} >ran"]])
    asked = await kit.ask("deploy shop prod")
    assert asked.state is State.REFUSED
    assert "characters that a shell interprets" in asked.text


def test_what_a_ref_can_mean() -> None:
    """Its order is the order in which it is looked for."""
    tag, branch = Candidate("refs/tags/x"), Candidate("refs/heads/x")
    assert candidates("x") == [tag, branch]
    assert candidates("refs/tags/x") == (tag,)
    assert [one.sha for one in candidates("ABCDEF0")] == [False, False, True]
    assert [one.sha for one in candidates("a" * 40)] == [True, False, False]


# A release is what a clone is


@pytest.mark.parametrize("where", ["beside it", "elsewhere"])
async def test_large_files_are_in_the_release(
    make_kit: MakeKit, shop: Path, repository: Repository, tmp_path: Path, where: str
) -> None:
    """With git-lfs set up as its users set it up: what a clone holds, the release holds."""
    assert shutil.which("git-lfs"), "install git-lfs (.ci/servers does)"
    _git("lfs", "install")
    content = os.urandom(50_000)
    repository.git("lfs", "track", "*.bin")
    (repository.path / "big.bin").write_bytes(content)
    if where == "elsewhere":
        _git("init", "--quiet", "--bare", str(tmp_path / "large.git"))
        (repository.path / ".lfsconfig").write_text(f"[lfs]\n\turl = file://{tmp_path}/large.git\n")
    repository.commit("v3")
    origin = tmp_path / "origin.git"
    repository.git("clone", "--quiet", "--bare", ".", str(origin))
    repository.git("remote", "add", "origin", f"file://{origin}")
    repository.git("lfs", "push", "--all", "origin")
    for kept in (repository.path / ".git" / "lfs" / "objects", repository.path / "big.bin"):
        shutil.rmtree(kept) if kept.is_dir() else kept.unlink()
    asked = await make_kit(repository=f"file://{origin}").ask("deploy shop prod --ref v3")
    assert asked.state is State.SUCCEEDED, asked.text
    assert (shop / "current" / "big.bin").read_bytes() == content

    stored = [file for file in (shop / "repo" / "lfs" / "objects").rglob("*") if file.is_file()]
    assert len(stored) == 1
    os.utime(stored[0], (0, 0))
    assert (await make_kit(repository=f"file://{origin}").ask("deploy shop prod --ref v1")).text
    assert not stored[0].exists()  # it was not used for long: the mirror does not grow for ever
    asked = await make_kit(repository=f"file://{origin}").ask("deploy shop prod --ref v3")
    assert (shop / "current" / "big.bin").read_bytes() == content


async def test_a_large_file_that_cannot_be_had_fails_the_deploy(
    make_kit: MakeKit, repository: Repository
) -> None:
    """It is not replaced by its pointer; and the mirror is not made anew for it."""
    _git("lfs", "install")
    await make_kit().ask("deploy shop prod --ref v1")
    repository.git("lfs", "track", "*.bin")
    (repository.path / "big.bin").write_bytes(b"x" * 5000)
    repository.commit("v3")
    shutil.rmtree(repository.path / ".git" / "lfs" / "objects")
    asked = await make_kit().ask("deploy shop prod --ref v3")
    assert asked.state is State.FAILED
    assert "big.bin" in asked.text + asked.log
    assert not any("fetched anew" in text for text in asked.said)


async def test_the_users_own_ssh_command_is_used(
    make_kit: MakeKit, shop: Path, repository: Repository, tmp_path: Path
) -> None:
    """core.sshCommand names the deploy key; nothing of ours takes its place."""
    ssh = tmp_path / "ssh-with-a-key"
    ssh.write_text(
        f'#!/bin/sh\necho "$*" >>{tmp_path}/asked\nfor last; do :; done\nexec sh -c "$last"\n'
    )
    ssh.chmod(0o755)
    _user_git("core.sshCommand", f"{ssh} -i deploy-key")
    kit = make_kit(repository=f"ssh://git@git.example.com{repository.path}")
    for words in ("deploy shop prod --ref v1", "deploy shop prod"):
        asked = await kit.ask(words)
        assert asked.state is State.SUCCEEDED, asked.text
    asked_for = (tmp_path / "asked").read_text().splitlines()
    assert all(line.startswith("-i deploy-key") for line in asked_for)
    assert "BatchMode" not in "".join(asked_for)


# The mirror is a cache


def _empty_ref(repo: Path) -> None:
    (repo / "refs" / "heads" / "main").write_text("")


def _empty_objects(repo: Path) -> None:
    for file in (repo / "objects").glob("??/*"):
        file.chmod(0o600)
        file.write_text("")


def _garbled_objects(repo: Path) -> None:
    for file in (repo / "objects").glob("??/*"):
        file.chmod(0o600)
        file.write_bytes(os.urandom(60))


def _lost_objects(repo: Path) -> None:
    shutil.rmtree(repo / "objects")
    (repo / "objects").mkdir()


def _garbled_config(repo: Path) -> None:
    (repo / "config").write_text("[core\n\0")


def _torn_pack(repo: Path) -> None:
    subprocess.run(["git", "--git-dir", repo, "repack", "-adq"], check=True)
    for pack in (repo / "objects" / "pack").glob("*.pack"):
        pack.chmod(0o600)
        pack.write_bytes(pack.read_bytes()[: pack.stat().st_size // 2])


def _no_repository(repo: Path) -> None:
    for name in ("HEAD", "refs", "objects"):
        place = repo / name
        shutil.rmtree(place) if place.is_dir() else place.unlink()


def _garbled_refs(repo: Path) -> None:
    (repo / "packed-refs").write_text("garbage\n\0")


def _a_file(repo: Path) -> None:
    shutil.rmtree(repo)
    repo.write_text("not a folder")


@pytest.mark.parametrize(
    "damage",
    [
        _garbled_refs,
        _a_file,
        _empty_ref,
        _empty_objects,
        _garbled_objects,
        _lost_objects,
        _garbled_config,
        _torn_pack,
        _no_repository,
    ],
)
async def test_a_damaged_mirror_is_made_anew(
    make_kit: MakeKit, shop: Path, repository: Repository, damage: Callable[[Path], None]
) -> None:
    """A power cut in a fetch costs one more fetch, not each deploy from then on."""
    kit = make_kit()
    await kit.ask("deploy shop prod --ref v1")
    damage(shop / "repo")
    # one that was fetched before for half of them, one that was not for the others
    ref, version = ("v1", "v1") if damage.__name__ < "_l" else ("main", "v3")
    repository.commit("v3")
    asked = await kit.ask(f"deploy shop prod --ref {ref}")
    assert asked.state is State.SUCCEEDED, asked.text
    assert _version(shop) == version
    assert (shop / "current" / "REVISION").exists()
    left = {name for name in os.listdir(shop) if "repo" in name}
    assert left == ({"repo", "repo.damaged"} if damage is _a_file else {"repo"})
    assert (await kit.ask("deploy shop prod --ref v2")).state is State.SUCCEEDED


async def test_a_repository_that_is_away_costs_no_mirror(
    make_kit: MakeKit, shop: Path, repository: Repository
) -> None:
    """What was fetched is kept when the repository, not the mirror, is at fault."""
    kit = make_kit()
    await kit.ask("deploy shop prod --ref v1")
    before = os.stat(shop / "repo").st_ino
    repository.path.rename(repository.path.with_name("away"))
    assert (await kit.ask("deploy shop prod --ref v1")).state is State.FAILED
    assert os.stat(shop / "repo").st_ino == before


async def test_the_mirror_is_packed(make_kit: MakeKit, shop: Path, repository: Repository) -> None:
    """As git would do it by itself: packs do not grow with deploys, and it is over with the
    deploy."""
    _user_git("gc.autoPackLimit", "3")
    _user_git("fetch.unpackLimit", "1")
    for number in range(6):
        repository.commit(f"r{number}")
        asked = await make_kit().ask(f"deploy shop prod --ref r{number}")
        assert asked.state is State.SUCCEEDED
    assert len(list((shop / "repo" / "objects" / "pack").glob("*.pack"))) <= 3
    assert not (shop / "repo" / "gc.pid").exists()


# Passwords

PASSWORD = "p@ss/w%rd!'s"
QUOTED = "p%40ss%2Fw%25rd%21%27s"


class Guarded:
    """A repository over HTTP that wants a password, and looks at the arguments of all processes
    while it is asked."""

    def __init__(self, folder: Path, login: str) -> None:
        self.arguments: list[str] = []
        wanted = "Basic " + base64.b64encode(login.encode()).decode()
        guarded = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                guarded.arguments += _arguments()
                if self.headers.get("Authorization") == wanted:
                    super().do_GET()
                    return
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_POST(self) -> None:
                """The batch API of git-lfs: where each object is."""
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                known = self.headers.get("Authorization") == wanted
                href = f"http://{guarded.host}/shop.git/lfs/objects"
                objects = [
                    {**one, "actions": {"download": {"href": _large(href, one["oid"])}}}
                    for one in asked["objects"]
                ]
                body = json.dumps({"objects": objects} if known else {"message": "no"}).encode()
                self.send_response(200 if known else 401)
                if not known:
                    self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.send_header("Content-Type", "application/vnd.git-lfs+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), lambda *args: Handler(*args, directory=str(folder))
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.host = f"127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _large(where: str, oid: str) -> str:
    return f"{where}/{oid[:2]}/{oid[2:4]}/{oid}"


def _arguments() -> list[str]:
    """The arguments of every git that runs, as each user of the server sees them."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = place.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if "git" in text:
            found.append(text)
    return found


@pytest.fixture
def guarded(repository: Repository, tmp_path: Path) -> Iterator[Callable[[str], Guarded]]:
    repository.git("clone", "--quiet", "--bare", ".", str(tmp_path / "http" / "shop.git"))
    subprocess.run(["git", "-C", tmp_path / "http" / "shop.git", "update-server-info"], check=True)
    made: list[Guarded] = []

    def make(login: str) -> Guarded:
        made.append(Guarded(tmp_path / "http", login))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize(
    ("login", "written"),
    [(f"ann:{PASSWORD}", f"ann:{QUOTED}"), ("ghp_0123456789abcdef:", "ghp_0123456789abcdef")],
    ids=["password", "token"],
)
async def test_a_password_is_in_nobodys_arguments(
    make_kit: MakeKit,
    shop: Path,
    guarded: Callable[[str], Guarded],
    login: str,
    written: str,
) -> None:
    """Nor in what is said, nor on the disk: git asks for it when it needs it."""
    site = guarded(login)
    secret = login.partition(":")[2] or login.rstrip(":")
    _user_git("credential.helper", "store")
    kit = make_kit(repository=f"http://{written}@{site.host}/shop.git")
    said = ""
    for words in ("deploy shop prod --ref v1", "deploy shop prod"):
        asked = await kit.ask(words)
        assert asked.state is State.SUCCEEDED, asked.text + asked.log
        said += "\n".join(update.model_dump_json() for update in asked.updates)
    assert site.arguments
    for text in (*site.arguments, said, (shop / "repo" / "config").read_text()):
        assert secret not in text
        assert QUOTED not in text
    assert not (Path.home() / ".git-credentials").exists()


async def test_large_files_behind_a_password_are_in_the_release(
    make_kit: MakeKit,
    shop: Path,
    repository: Repository,
    guarded: Callable[[str], Guarded],
    tmp_path: Path,
) -> None:
    """git-lfs gets the password of the address as git does, and does not show it either."""
    _git("lfs", "install")
    repository.git("lfs", "track", "*.bin")
    (repository.path / "big.bin").write_bytes(content := os.urandom(50_000))
    repository.commit("v3")
    origin = tmp_path / "http" / "shop.git"
    repository.git("push", "--quiet", "--no-verify", str(origin), "--all")
    repository.git("push", "--quiet", "--no-verify", str(origin), "--tags")
    shutil.copytree(repository.path / ".git" / "lfs" / "objects", origin / "lfs" / "objects")
    _git("-C", str(origin), "update-server-info")
    site = guarded(f"ann:{PASSWORD}")
    kit = make_kit(repository=f"http://ann:{QUOTED}@{site.host}/shop.git")
    asked = await kit.ask("deploy shop prod --ref v3")
    assert asked.state is State.SUCCEEDED, asked.text + asked.log
    assert (shop / "current" / "big.bin").read_bytes() == content
    assert PASSWORD not in "".join(site.arguments)


async def test_a_wrong_password_is_not_shown(
    make_kit: MakeKit, guarded: Callable[[str], Guarded]
) -> None:
    """The repository says no; nobody is asked for a better one."""
    site = guarded("ann:other")
    kit = make_kit(repository=f"http://ann:{QUOTED}@{site.host}/shop.git")
    asked = await kit.ask("deploy shop prod --ref v1")
    assert asked.state is State.FAILED
    said = "\n".join(update.model_dump_json() for update in asked.updates)
    assert PASSWORD not in said
    assert QUOTED not in said
