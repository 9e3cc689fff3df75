"""Which version is meant: what a ref can be, and what a shell would make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from baton.bus.messages import State
from commands.deploy.refs import Candidate, candidates, obeyed
from tests.commands.conftest import MakeKit, Repository
from tests.commands.deploy.git import live_version


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
    assert live_version(shop) == "v1"
    for ref, version in (("refs/heads/rel", "v2"), ("refs/tags/rel", "v1"), ("heads/rel", "v2")):
        asked = await make_kit().ask(f"deploy shop prod --ref {ref}")
        assert (asked.state, live_version(shop)) == (State.SUCCEEDED, version)


@pytest.mark.parametrize("name", ["fix/#123", "a+b@c", "ünï/=x", "x{y}", "a,b", "v1.lockx", "%41"])
async def test_what_git_calls_a_ref_is_one(
    make_kit: MakeKit, shop: Path, repository: Repository, name: str
) -> None:
    """It goes to git by its full name, and to programs as one word."""
    repository.git("branch", name, "v1")
    kit = make_kit(steps=[["sh", "-c", 'echo "$# $1"', "x", "{ref}"]])
    asked = await kit.ask(f"deploy shop prod '--ref={name}'")
    assert (asked.state, live_version(shop)) == (State.SUCCEEDED, "v1")
    assert f"1 {name}" in asked.log.splitlines()


async def test_a_commit_is_found_however_it_is_written(
    make_kit: MakeKit, shop: Path, repository: Repository
) -> None:
    """In capitals too, whole or short; a whole id is a commit even if a branch is called so."""
    first, second = repository.git("rev-parse", "v1"), repository.git("rev-parse", "v2")
    repository.git("update-ref", f"refs/heads/{first}", second)
    for ref in (first.upper(), first[:10].upper(), first):
        asked = await make_kit().ask(f"deploy shop prod --ref {ref}")
        assert (asked.state, live_version(shop)) == (State.SUCCEEDED, "v1")


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
