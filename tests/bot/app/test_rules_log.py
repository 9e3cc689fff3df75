"""The rules of baton.toml are compared with the known servers, and each remark is logged once."""

from __future__ import annotations

import pytest

from bot.app.rules_log import FIRST_INTERVAL, RulesLog
from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from tests.bot.world import COMMANDS, beat, no_groups
from tests.support.servers import make_registry


async def test_the_log_says_each_once(capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong is a warning, what is open is said; a group that nobody knows too."""
    servers = make_registry()
    servers.record(beat("web-1"))
    servers.record(beat("web-9", "staging"))
    rule = Rule(who=("@nobody",), environments=("prod",))
    policy = Policy([rule], {"staging": EnvironmentTable(open=True)})

    async def groups() -> frozenset[str]:
        return frozenset({"oncall"})

    rules = RulesLog(policy, servers, COMMANDS, groups)
    for _ in range(2):
        await rules.log_new_remarks()
    said = capsys.readouterr().out
    assert said.count("user group @nobody is not found in Slack") == 1
    assert said.count("staging is open") == 1
    assert "prod is closed" not in said


async def test_without_servers_it_tries_again_soon(capsys: pytest.CaptureFixture[str]) -> None:
    """Right after the start nothing is known: to say that nobody matches a rule would be wrong."""
    servers = make_registry()
    policy = Policy([], {"staging": EnvironmentTable(open=True)})
    rules = RulesLog(policy, servers, COMMANDS, no_groups)
    assert await rules.round() == FIRST_INTERVAL
    assert capsys.readouterr().out == ""
    servers.record(beat("web-9", "staging"))
    assert await rules.round() is None
    assert "staging is open" in capsys.readouterr().out
