from __future__ import annotations

import pytest

from baton.agent.settings import AGENT_VARIABLES
from baton.client.settings import CLIENT_VARIABLES
from baton.worker.settings import WORKER_VARIABLES
from bot.cli.variables import VARIABLES, misspelt
from bot.settings import BOT_VARIABLES


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("BATON_STAT", "BATON_STATE"),
        ("BATON_BUS_URLS", "BATON_BUS_URL"),
        ("BATON_ENV", "BATON_ENVIRONMENT"),
        ("BATON_ALERT_FILE", "BATON_ALERTS_FILE"),
        ("baton_fqdn", "BATON_FQDN"),
    ],
)
def test_a_misspelt_variable_is_told_from_one_of_others(given: str, meant: str) -> None:
    """What looks like a variable that is read was meant to be it; all else is not our business."""
    environ = ("PATH", "BATON_FOO", "BATON_", "BATON_STATE", "BATON_WEB_PORT", given)
    assert list(misspelt(environ, VARIABLES)) == [(given, meant)]


def test_every_variable_is_known() -> None:
    """No misspelling is looked for in those of the bot, a worker, a client and of the log."""
    read = {
        name
        for name in {*BOT_VARIABLES, *AGENT_VARIABLES, *WORKER_VARIABLES, *CLIENT_VARIABLES}
        if name.startswith("BATON_")
    }
    assert {*read, "BATON_LOG_LEVEL", "BATON_LOG_FORMAT"} == VARIABLES
