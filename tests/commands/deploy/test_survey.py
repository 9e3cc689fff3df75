"""What a deploy would do, before it is let start; and that it does that or nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from baton.bus.plans import SurveyFacts
from baton.errors import Refused
from baton.server import Server
from baton.settings import validated
from commands.deploy import Deploy, DeployConsumer, DeploySettings
from commands.deploy.survey import settings_digest
from tests.commands.conftest import MakeKit, Repository


def consumer(shop: Path, **settings: Any) -> DeployConsumer:
    table = {"shop": {"path": str(shop), **settings}}
    checked = validated(DeploySettings, table, file="x", key="deploy")
    return DeployConsumer(Server("prod", fqdn="web-1.example.com"), checked)


async def facts(made: DeployConsumer, ref: str | None = None) -> SurveyFacts:
    return await made.survey(Deploy(app="shop", environment="prod", ref=ref))


async def test_a_ref_becomes_the_commit_that_a_deploy_would_take(
    make_kit: MakeKit, shop: Path, repository: Repository
) -> None:
    """Branches, tags with and without a message, the default branch, whole and short ids: the same
    as the deploy finds; and nothing is made on the server before it."""
    repository.git("tag", "--annotate", "--message", "x", "noted", "v1")
    made = consumer(shop, repository=str(repository.path))
    v1, v2 = (repository.git("rev-parse", name) for name in ("v1", "v2"))
    assert (await facts(made)).commit == v2
    for ref, commit in (("main", v2), ("v1", v1), ("noted", v1), ("refs/tags/v1", v1), (v1, v1)):
        assert (await facts(made, ref)).commit == commit, ref
    assert not os.path.exists(shop)  # noqa: ASYNC240
    await make_kit().ask("deploy shop prod --ref v1")
    found = await facts(made, "v2")
    assert (found.live, found.commits) == (f"v1 ({v1[:8]})", 1)
    assert (await facts(made, v1[:9])).commit == v1


async def test_what_it_would_fail_by_is_said(shop: Path, repository: Repository) -> None:
    """No such ref, no such repository, no such app."""
    made = consumer(shop, repository=str(repository.path))
    assert (await facts(made, "v9")).problem == f"there is no branch or tag v9 in {repository.path}"
    away = consumer(shop, repository=str(shop / "none.git"))
    assert (await facts(away)).problem.startswith("git: fatal: ")
    with pytest.raises(Refused, match=r"no \[deploy\.blog\]"):
        await made.survey(Deploy(app="blog", environment="prod"))


async def test_steps_that_cannot_be_undone_are_named(shop: Path, repository: Repository) -> None:
    """Those that the settings mark."""
    step = {"run": ["bin/migrate"], "name": "migrate", "irreversible": True}
    made = consumer(shop, repository=str(repository.path), steps=[["true"], step])
    assert (await facts(made)).irreversible == ("migrate",)


def test_the_digest_is_of_the_settings_and_of_no_secret(shop: Path) -> None:
    """Another step is another digest; another password is not, since digests can be guessed at."""

    def digest(**settings: Any) -> str:
        made = consumer(
            shop, **{"repository": "https://me:one@git.example.com/shop.git", **settings}
        )
        return made.settings_digests["shop"]

    assert digest() == digest()
    assert digest(steps=[["true"]]) != digest()
    assert digest(repository="https://me:two@git.example.com/shop.git") == digest()
    assert digest(env={"TOKEN": "one"}) == digest(env={"TOKEN": "two"}) != digest()
    assert settings_digest.__doc__
