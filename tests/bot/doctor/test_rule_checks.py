"""The rules of baton.toml, compared with what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from baton.agent.service import Service
from baton_slack_testing import SlackServer
from bot.doctor.check_result import Mark
from bot.doctor.rule_checks import freezes
from bot.settings import load_bot
from tests.bot.doctor.report import told


async def test_rules_that_fit_nothing_are_warnings(
    amqp_url: str, agent: Service, tmp_path: Path
) -> None:
    """A lock on an environment that nobody is in, a command, a group: each is a line of its own,
    and not all is well; an environment that is open is named."""
    file = tmp_path / "baton.toml"
    file.write_text(
        "[environments.production]\nprotected = true\n"
        '[[allow]]\nwho = ["@nobody"]\ncommands = ["deplyo", "jobs"]\n'
        'environments = ["production"]\n'
    )
    async with SlackServer() as slack:
        environ = {
            "BATON_BUS_URL": amqp_url,
            "BATON_DATABASE_URL": f"sqlite:///{tmp_path / 'baton.db'}",
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_API_URL": slack.url,
        }
        code, text = await told(file, **environ)
        assert code == 0, text
        for line in (
            "warn  rules      [environments.production]: no server is in it (there are: prod).",
            "warn  rules      [[allow]] rule 1: unknown command deplyo. Did you mean deploy?",
            "warn  rules      [[allow]] rule 1: no server is in environment production",
            "warn  rules      [[allow]] rule 1: user group @nobody is not found in Slack.",
            "warn  rules      prod is closed: no rule names it",
        ):
            assert line in text, text
        assert "unknown command jobs" not in text, "what the bot answers itself is a command"
        assert text.splitlines()[-1].startswith("5 warnings: ")


@pytest.mark.parametrize(
    ("may_break", "channel", "mark"),
    [("@leads", "", Mark.WARN), ("@leads", "#audit", Mark.OK), ("", "", Mark.OK)],
)
def test_a_freeze_that_can_be_broken_unheard_is_a_warning(
    tmp_path: Path, may_break: str, channel: str, mark: Mark
) -> None:
    """The console is no channel: only that of [audit] hears it then."""
    file = tmp_path / "baton.toml"
    breakers = f'["{may_break}"]' if may_break else "[]"
    file.write_text(
        f'[audit]\nchannel = "{channel}"\n'
        f'[[freeze]]\nname = "x"\ndays = ["fri"]\nmay_break = {breakers}\n'
    )
    settings = load_bot(file, {})
    found = freezes(settings.freeze, heard=bool(settings.audit.channel))
    assert found.mark is mark, found
