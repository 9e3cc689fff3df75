"""`baton doctor` says whether people can open the console, and over what."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from bot.doctor.check_result import Mark
from bot.doctor.console_checks import console
from bot.settings import SlackOpenIdTable, WebTable

OPENID = SlackOpenIdTable(client_id="1.2", client_secret=SecretStr("s3cret"))


@pytest.mark.parametrize(
    ("settings", "mark", "text"),
    [
        ({}, Mark.NOTE, "http://127.0.0.1:8080 opens only on this machine"),
        ({"address": "0.0.0.0"}, Mark.WARN, "no url is set: nobody can sign in"),
        ({"address": "10.0.0.1"}, Mark.WARN, "no url is set: nobody can sign in"),
        (
            {"address": "0.0.0.0", "url": "http://10.0.0.1:8080"},
            Mark.WARN,
            "is not encrypted: who can read the network can take over a session",
        ),
        (
            {"url": "https://baton.example.com"},
            Mark.OK,
            "people sign in by /baton console, and open https://baton.example.com",
        ),
        (
            {"url": "https://baton.example.com", "slack_openid": OPENID},
            Mark.OK,
            "by /baton console or with Slack",
        ),
    ],
)
def test_the_address_of_the_console(settings: dict[str, Any], mark: Mark, text: str) -> None:
    (found,) = console(WebTable(**settings))
    assert found.mark is mark
    assert text in found.text
    assert bool(found.fix) is (mark is not Mark.OK)
    assert "s3cret" not in str(found)


@pytest.mark.parametrize("settings", [{"enabled": False}, {"console": False}])
def test_without_a_console_there_is_nothing_to_say(settings: dict[str, Any]) -> None:
    assert console(WebTable(**settings)) == []
