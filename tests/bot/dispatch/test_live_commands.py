"""What workers declare is a command at once, everywhere, and no installed command is another."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from baton.bus.channel import Link
from baton.bus.facts import Facts, RunnerFacts
from baton.bus.messages import Heartbeat
from baton.command import words_of
from baton.errors import UsageError
from bot.dispatch.live_commands import LiveCommands
from bot.dispatch.suggestions import suggestions
from bot.servers.inventory import FORGET_AFTER
from bot.servers.registry import ServerRegistry
from bot.servers.runner_command import RunnerCommand
from tests.bot.build import T0
from tests.bot.worker import runner, worker_facts
from tests.bot.world import COMMANDS
from tests.support.quick import quickly
from tests.support.servers import make_registry


class Hall:
    """A registry at a time that a test sets, and the commands that are live by it."""

    def __init__(self) -> None:
        self.at = T0
        self.servers: ServerRegistry = make_registry(lambda: self.at)
        self.commands = LiveCommands(COMMANDS, self.servers, lambda: (self.at - T0).total_seconds())

    def hear(self, host: str, *runners: RunnerFacts, **changes: Any) -> None:
        facts = worker_facts(host, *runners) if runners else Facts(host=host, environment="prod")
        self.servers.record(
            Heartbeat(facts=facts.model_copy(update=changes), interval=15.0, time=self.at)
        )


def test_a_runner_is_a_command_from_its_first_heartbeat_on() -> None:
    """It is parsed, listed, built from the arguments of a form, and said again in words."""
    hall = Hall()
    with pytest.raises(UsageError, match="Unknown command “report”"):
        hall.commands.parse("report may")
    hall.hear("worker-1", runner())
    for typed in ("report may", "/run report may", "run Report may", "/report month=may"):
        command = hall.commands.parse(typed)
        assert isinstance(command, RunnerCommand)
        assert words_of(command) == "report may"
    assert hall.commands.build("report", {"month": "may", "copies": 3}).title() == (
        "report may --copies 3"
    )
    assert "report" in hall.commands
    assert hall.commands["report"].command.usage() == "/report april|may|june [--copies COPIES]"
    with pytest.raises(UsageError, match="at least 1 and at most 9"):
        hall.commands.parse("report may --copies 10")


def test_an_installed_command_of_the_name_comes_first() -> None:
    """Only /run reaches the runner then, and its name in rules is another: who may ship may not run
    it for that."""
    hall = Hall()
    hall.hear("worker-1", runner("ship"))
    assert not isinstance(hall.commands.parse("ship shop prod"), RunnerCommand)
    command = hall.commands.parse("run ship may")
    assert (command.name, words_of(command)) == ("run-ship", "run-ship may")
    assert hall.commands.parse(words_of(command)) == command


def test_a_runner_that_cannot_be_used_says_why_and_harms_no_other() -> None:
    """A worker of a later version may declare what this bot does not know."""
    hall = Hall()
    odd = runner("odd", arguments={"when": {"type": "moon"}})
    hidden = runner("hidden", arguments={"model_dump": {"type": "text"}})
    hall.hear("worker-1", odd, hidden, runner())
    assert "report" in hall.commands
    assert "odd" not in hall.commands
    with pytest.raises(UsageError, match=r"The runner “odd” of worker-1 cannot be used: .*when"):
        hall.commands.parse("run odd")
    with pytest.raises(UsageError, match="no argument can be called 'model_dump'"):
        hall.commands.parse("run hidden x")
    with pytest.raises(UsageError, match=r"No worker has a runner “reprot”\. Did you mean report"):
        hall.commands.parse("run reprot may")


def test_of_two_descriptions_the_newer_counts() -> None:
    """Whichever worker declared it last, not whichever sent the last heartbeat."""
    hall = Hall()
    hall.hear("worker-1", runner(), started=T0 - timedelta(hours=2))
    other = runner(arguments={"year": {"type": "integer"}})
    hall.hear("worker-2", other, started=T0 - timedelta(hours=1))
    for host, one in (("worker-2", other), ("worker-1", runner())):
        hall.hear(host, one)
    assert hall.commands.parse("report 2026").title() == "report 2026"
    found = hall.commands.runners()["report"]
    assert (found.by, found.differs) == ("worker-2", ("worker-1",))
    hall.at += timedelta(seconds=60)
    changed = runner(arguments={"week": {"type": "text"}})
    hall.hear("worker-1", changed, started=T0 - timedelta(hours=2))
    assert hall.commands["report"].command.usage() == "/report WEEK"


def test_a_runner_is_remembered_while_its_workers_are_silent_and_forgotten_in_the_end() -> None:
    """The queue keeps the jobs meanwhile. A restarted bot has it from the database."""
    hall = Hall()
    hall.servers.link_changed(Link.UP)
    hall.hear("worker-1", runner())
    hall.at += timedelta(days=3)
    assert "report" in hall.commands
    assert hall.commands.runners()["report"].running == ()
    hall.at += timedelta(seconds=FORGET_AFTER)
    assert "report" not in hall.commands


def test_a_worker_that_drops_a_runner_takes_it_from_the_commands() -> None:
    """At its reload: nobody asks for what nobody does."""
    hall = Hall()
    hall.hear("worker-1", runner(), runner("bill"))
    assert {"report", "bill"} <= set(hall.commands)
    hall.hear("worker-1", runner())
    assert "bill" not in hall.commands
    hall.hear("worker-1")
    assert "report" not in hall.commands


@pytest.mark.parametrize(
    ("typed", "texts"),
    [
        ("/run ", {"report"}),
        ("/run rep", {"report"}),
        ("/run report ", {"april", "may", "june"}),
        ("/run report m", {"may"}),
        ("/report m", {"may"}),
        ("/report may ", {"--copies"}),
    ],
)
def test_what_can_be_typed_next(typed: str, texts: set[str]) -> None:
    """The names of runners, and then what theirs would be."""
    hall = Hall()
    hall.hear("worker-1", runner())
    found = suggestions(typed, hall.commands, {}, {})
    assert {one.text for one in found} == texts


def test_thousands_of_looks_cost_little() -> None:
    """Whoever lists the commands asks for each: that is not computed anew each time."""
    hall = Hall()
    many = [runner(f"r{number}", "reports") for number in range(100)]
    hall.hear("worker-1", *many)

    def look() -> None:
        assert len([hall.commands[name] for name in hall.commands]) >= 100

    quickly(look)
