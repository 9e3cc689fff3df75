"""From a command to a job: which servers are meant, and what is sent to them."""

from __future__ import annotations

from typing import Annotated, ClassVar

import pytest

from baton.bus.messages import Request
from baton.command import Command, Target
from baton.consumer import Extension
from baton.errors import UsageError
from baton.extensions import Commands
from baton.fields import Host, Positional
from bot.dispatch.context import Invocation
from bot.dispatch.planner import plan_job
from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from bot.jobs import NewJob
from bot.store import Store
from tests.bot.build import ANN, OPS, T0, Hail, Ship, after, server
from tests.bot.counter import BEN, GUARDED, GUEST, Counter

SERVERS = [
    server("web-1.example.com", "prod", "shop"),
    server("web-2.example.com", "prod", "shop", missing=True),
    server("db-1.example.com", "prod", "billing"),
    server("web-9.example.com", "staging", "shop"),
]


def planned(command: Command) -> NewJob:
    return plan_job(command, Invocation("words", ANN, OPS, "trigger-1", T0), SERVERS, "bot")


def test_a_change_goes_to_each_server_by_name() -> None:
    """One request for each server that runs the app there, the missing one too: it must end as
    well."""
    new = planned(Ship(app="shop", environment="prod", ref="v2"))
    assert [run.host for run in new.runs] == ["web-1.example.com", "web-2.example.com"]
    assert [sending.key for sending in new.outbox] == [
        "host.web-1.example.com",
        "host.web-2.example.com",
    ]
    assert all(sending.mandatory for sending in new.outbox)
    assert len({run.request for run in new.runs}) == 2
    request = new.outbox[0].message
    assert isinstance(request, Request)
    assert (request.arguments["ref"], request.requester, request.deadline) == ("v2", ANN, after(60))


def test_what_looks_only_is_broadcast() -> None:
    """One message, and a run for each server that is known there."""
    new = planned(Hail(environment="prod"))
    assert [sending.key for sending in new.outbox] == ["hail.prod"]
    assert len(new.runs) == 3
    assert {run.request for run in new.runs} == {new.outbox[0].id}


def test_a_short_name_means_the_server() -> None:
    """`--host web-1` is enough for web-1.example.com."""
    new = planned(Hail(environment="prod", host="web-1"))
    assert [sending.key for sending in new.outbox] == ["host.web-1.example.com"]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (Ship(app="shpo", environment="prod"), "No server of prod runs “shpo”. Did you mean shop?"),
        (
            Ship(app="shop", environment="prdo"),
            "Unknown environment “prdo”. Did you mean prod? Environments: prod, staging.",
        ),
        (Ship(app="shop", environment="prod", host="web-3"), "Unknown server “web-3”."),
    ],
)
def test_nothing_is_sent_to_servers_that_nobody_knows(command: Command, says: str) -> None:
    """The error says what is known, and what was most likely meant."""
    with pytest.raises(UsageError) as caught:
        planned(command)
    assert says in str(caught.value)


def test_before_the_first_heartbeat_the_error_says_so() -> None:
    """An empty list of servers is not the asker's mistake."""
    ask = Invocation("words", ANN, OPS, "trigger-1", T0)
    with pytest.raises(UsageError, match="No agent has sent a heartbeat yet"):
        plan_job(Ship(app="shop", environment="prod"), ask, [], "bot")


def test_a_command_that_cannot_say_what_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in an extension costs its own words, not the request."""

    def broken(self: Ship) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(Ship, "title", broken)
    assert planned(Ship(app="shop", environment="prod")).job.title == "ship shop prod"


@pytest.fixture
def guarded(store: Store) -> Counter:
    """People before a bot where prod is protected."""
    return Counter(store, GUARDED)


async def test_an_unknown_environment_is_said_to_be_unknown(store: Store) -> None:
    """A typo is a typo, not a missing rule; what is named in the settings is known."""
    counter = Counter(store, Policy(environments={"old": EnvironmentTable()}))
    assert "Did you mean prod?" in (await counter.ask("ship shop prdo")).text
    assert "Required rule" in (await counter.ask("ship shop old")).text


class Look(Command):
    """Look at a server, wherever it is."""

    name: ClassVar[str] = "look"
    changes: ClassVar[bool] = False
    host: Annotated[Host, Positional]

    @property
    def target(self) -> Target:
        return Target(host=self.host)


async def test_a_typo_names_no_server_of_an_environment_that_is_not_theirs(
    guarded: Counter,
) -> None:
    """Who may not look at prod does not learn what it has by asking for what it has not."""
    guarded = Counter(guarded.store, GUARDED, commands=Commands([Extension(Look)]))
    told = (await guarded.ask("look web-8", BEN)).text
    assert "web-9" in told
    assert "web-1" not in told
    told = (await guarded.ask("look web-8", GUEST)).text
    assert "web-" not in told
    guarded.authorizer.policy = Policy(
        [Rule(who=("U_BEN",))], {"prod": EnvironmentTable(protected=True)}
    )
    assert "web-1" in (await guarded.ask("look web-8", BEN)).text
