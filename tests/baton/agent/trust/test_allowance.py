"""What an agent takes by its own file, and whose approvals it counts itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import Field, ValidationError

from baton.agent.journal import MemoryJournal, SqliteJournal
from baton.agent.trust.allow import AllowTable
from baton.agent.trust.allowance import Allowance
from baton.bus.memory.channel import MemoryChannel
from baton.bus.messages import Request, State, new_id, now
from baton.bus.plans import Plan, SurveyFacts, make_plan, plan_digest
from baton.bus.signing.approval import Approval, approval, approved_text
from baton.bus.signing.private_key import PrivateKey
from baton.command import Command
from baton.fields import Name, Positional
from tests.baton.agent.trust.orders import STRANGER
from tests.baton.stage import HOST, Stage, Work, Worker, agent, in_memory, request

BEA, CEM, DAN = (PrivateKey.new(name) for name in ("bea", "cem", "dan"))
Scene = tuple[MemoryChannel, Stage, Worker]


class Ship(Command):
    """Ship an app."""

    name: ClassVar[str] = "ship"
    app: Annotated[Name | None, Positional] = None
    environment: Annotated[Name, Positional] = "prod"
    ref: str | None = Field(None)


class Return(Command):
    """Go back to a release."""

    name: ClassVar[str] = "return"
    app: Annotated[Name | None, Positional] = None
    environment: Annotated[Name, Positional] = "prod"
    release: str | None = Field(None)


def ship(**arguments: Any) -> tuple[Request, Ship]:
    return request(command="ship", arguments=arguments), Ship(**arguments)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    _, channel, stage = in_memory()
    await stage.listen()
    yield channel, stage, Worker()
    await stage.channel.close()


@pytest.mark.parametrize(
    ("table", "arguments", "reason"),
    [
        ({}, {"app": "shop"}, ""),
        ({"commands": ["ping", "sh*"]}, {"app": "shop"}, ""),
        ({"commands": ["ping"]}, {"app": "shop"}, "the command “ship” is not allowed"),
        ({"commands": []}, {"app": "shop"}, "which allows none"),
        ({"apps": ["shop", "billing-*"]}, {"app": "billing-eu"}, ""),
        ({"apps": ["shop"]}, {"app": "shops"}, "the app “shops” is not allowed"),
        ({"apps": ["shop"]}, {}, "the app that is not named is not allowed"),
        ({"refs": ["v*"]}, {"app": "shop", "ref": "v1.4"}, ""),
        ({"refs": ["v*"]}, {"app": "shop", "ref": "main"}, "the version “main” is not allowed"),
        ({"refs": ["v*"]}, {"app": "shop"}, "the version that is not named is not allowed"),
        ({"requesters": ["U_BOB"]}, {"app": "shop"}, "whoever asks, “U_ANN” is not allowed"),
    ],
)
def test_a_refusal_names_what_is_not_allowed(
    table: dict[str, Any], arguments: dict[str, Any], reason: str
) -> None:
    """Each key is a list of patterns; a key that is not given allows everything."""
    found = Allowance(AllowTable.model_validate(table)).forbidden(*ship(**arguments))
    assert reason in found
    assert bool(found) == bool(reason)


@pytest.mark.parametrize(
    ("refs", "release", "shown"),
    [
        (["v*"], None, ""),
        (["v*"], "20261126090000-v1.4", ""),
        (["v*"], "20261126090000-main", "“main”"),
        (["v*"], "20261126090000-x-v1", "“x-v1”"),
        (["v*"], "20261126090000", "that is not named"),
        (["release/*"], "20261126090000-release-1.4", ""),
        (["release/*"], "20261126090000-hotfix-1.4", "“hotfix-1.4”"),
        (["*"], "20261126090000", ""),
    ],
)
def test_one_goes_back_by_name_only_to_what_may_be_deployed(
    refs: list[str], release: str | None, shown: str
) -> None:
    """The name of a release tells its version. Without one it is what was live before, which was
    deployed here when it was allowed."""
    table = AllowTable.model_validate({"refs": refs})
    command = Return(app="shop", release=release)
    found = Allowance(table).forbidden(request(command="return"), command)
    assert bool(found) == bool(shown)
    assert f"the version {shown} is not allowed" in found or not shown


def test_a_refusal_names_the_line_of_the_file(tmp_path: Path) -> None:
    """Whoever reads it at night knows where to look."""
    file = tmp_path / "agent.toml"
    file.write_text('[server]\nenvironment = "prod"\n\n[allow]\ncommands = ["*"]\nrefs = ["v*"]\n')
    table = AllowTable.model_validate({"commands": ["*"], "refs": ["v*"]})
    text = Allowance(table, str(file)).forbidden(*ship(app="shop", ref="main"))
    assert text == (
        "the version “main” is not allowed on this server, which allows v*"
        f" ({file}, line 6: [allow] refs)"
    )


async def test_what_is_not_allowed_is_refused_and_told(scene: Scene) -> None:
    channel, stage, worker = scene
    rules = Allowance(AllowTable(requesters=("U_BOB",)))
    async with agent(channel, [worker], allowance=rules):
        await stage.send(order := request())
        state, text = await stage.ends(order)
    assert (state, worker.started) == (State.REFUSED, [])
    assert "whoever asks, “U_ANN” is not allowed on this server" in text


def two_of_three(**more: Any) -> Allowance:
    lines = [key.public.line for key in (BEA, CEM, DAN)]
    return Allowance(
        AllowTable.model_validate({"approve": {"of": lines, "need": 2, **more}}), "agent.toml"
    )


def signed(plan: Plan, *keys: PrivateKey, at: datetime | None = None) -> tuple[Approval, ...]:
    """The approvals of `plan` by these keys."""
    when, digest = at or now(), plan_digest(plan)
    when = when.replace(microsecond=0)
    return tuple(
        approval(digest, when, key.public, key.sign(approved_text(digest, when))) for key in keys
    )


def planned(*keys: PrivateKey, at: datetime | None = None, **changes: Any) -> Request:
    """A request with its plan, approved with these keys."""
    order = request(**changes)
    plan = make_plan(order.job, order.command, order.arguments, {HOST: SurveyFacts()})
    return order.model_copy(update={"plan": plan, "approvals": signed(plan, *keys, at=at)})


async def test_two_approvals_of_three_start_it_once(scene: Scene, tmp_path: Path) -> None:
    """A second request with the same approvals is refused, also after a restart: they were given
    for one start."""
    channel, stage, worker = scene
    order = planned(BEA, DAN)
    again = order.model_copy(update={"id": new_id()})
    for _ in range(2):
        journal = await SqliteJournal.open(tmp_path / "journal")
        async with agent(channel, [worker], journal, allowance=two_of_three()):
            await stage.send(order)
            assert (await stage.ends(order))[0] is State.SUCCEEDED
            await stage.send(again)
            state, text = await stage.ends(again)
        await journal.close()
        assert state is State.REFUSED
        assert "its approvals have already started another request here" in text
    assert worker.started == [order.id]


def _of_another_job(order: Request) -> Request:
    return order.model_copy(update={"job": new_id()})


def _of_other_arguments(order: Request) -> Request:
    return order.model_copy(update={"arguments": {"environment": "prod", "how": "badly"}})


def _with_another_plan(order: Request) -> Request:
    assert order.plan is not None
    facts = {HOST: SurveyFacts(commit="f00")}
    other = make_plan(order.job, order.command, order.arguments, facts)
    return order.model_copy(update={"plan": other})


def _for_another_server(order: Request) -> Request:
    plan = make_plan(order.job, order.command, order.arguments, {"web-2": SurveyFacts()})
    return order.model_copy(update={"plan": plan, "approvals": signed(plan, BEA, CEM)})


def _without_plan(order: Request) -> Request:
    return order.model_copy(update={"plan": None})


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (request(), "it needs 2 approvals, and nobody was asked"),
        (planned(), "has those of nobody"),
        (planned(BEA), "has those of bea. To sign: baton approve"),
        (planned(BEA, BEA), "has those of bea."),
        (planned(BEA, STRANGER), "signed with the keys of bea, cem, dan"),
        (planned(BEA, CEM, at=now() - timedelta(hours=25)), "of the last 24 hours"),
        (planned(BEA, CEM, at=now() + timedelta(hours=1)), "has those of nobody"),
        (_with_another_plan(planned(BEA, CEM)), "has those of nobody"),
        (_without_plan(planned(BEA, CEM)), "there is no plan in it"),
    ],
)
async def test_what_was_not_approved_like_this_does_not_start(
    scene: Scene, order: Request, reason: str
) -> None:
    """The agent counts itself: one person twice is one, and a plan is all of what is in it."""
    channel, stage, worker = scene
    async with agent(channel, [worker], allowance=two_of_three()):
        await stage.send(order)
        state, text = await stage.ends(order)
    assert (state, worker.started) == (State.REFUSED, [])
    assert reason in text
    assert text.endswith("(agent.toml: [allow] approve)")


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (_of_another_job(planned(BEA, CEM)), "not what was approved: the plan is of job"),
        (_of_other_arguments(planned(BEA, CEM)), "the plan is of another command"),
        (_for_another_server(planned()), "web-1 is not in the plan"),
    ],
)
async def test_a_plan_of_something_else_starts_nothing(
    scene: Scene, order: Request, reason: str
) -> None:
    """Each agent compares a plan with its request, whether it counts approvals or not."""
    channel, stage, worker = scene
    async with agent(channel, [worker]):
        await stage.send(order)
        state, text = await stage.ends(order)
    assert (state, worker.started) == (State.REFUSED, [])
    assert reason in text


async def test_approvals_that_the_journal_has_forgotten_do_not_count(scene: Scene) -> None:
    """They may have been used."""
    order = planned(BEA, CEM, at=now() - timedelta(hours=1))
    rules, command = two_of_three(), Work(environment="prod")

    class Forgetful:
        forgotten = (now() - timedelta(minutes=30)).timestamp()

        async def spend(self, plan: str, request: Request) -> bool:
            return True

    journal = Forgetful()
    assert "has those of nobody" in await rules.unapproved(order, command, HOST, journal, now())
    journal.forgotten = 0.0
    assert await rules.unapproved(order, command, HOST, journal, now()) == ""


async def test_what_no_rule_is_about_needs_nobody(scene: Scene) -> None:
    """Patterns say for which commands and apps; what changes nothing needs no approval."""
    channel, stage, worker = scene
    rules = two_of_three(commands=["deploy"])
    async with agent(channel, [worker], allowance=rules):
        await stage.send(order := request())
        assert (await stage.ends(order))[0] is State.SUCCEEDED
    rules = two_of_three(apps=["shop"])
    assert "nobody was asked" in await _short(rules, *ship(app="shop"))
    assert await _short(rules, *ship(app="billing")) == ""

    class Look(Ship):
        """Look at an app."""

        name: ClassVar[str] = "look"
        changes: ClassVar[bool] = False

    assert await _short(two_of_three(), request(), Look(app="shop")) == ""


async def _short(rules: Allowance, order: Request, command: Command) -> str:
    return await rules.unapproved(order, command, HOST, MemoryJournal(), now())


@pytest.mark.parametrize(
    ("approve", "problem"),
    [
        ({"of": [BEA.public.line], "need": 2}, "at most the number of keys in `of`, which is 1"),
        ({"of": [BEA.public.line], "need": 0}, "greater than or equal to 1"),
        ({"need": 1}, "of"),
        ({"of": ["bea"]}, "a line such as"),
    ],
)
def test_a_rule_that_nobody_could_meet_is_an_error(approve: Any, problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        AllowTable.model_validate({"approve": approve})
