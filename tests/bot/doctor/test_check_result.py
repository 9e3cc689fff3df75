"""What a check found, in a line."""

from __future__ import annotations

from baton.consumer import Extension
from baton.extensions import Commands
from bot.doctor.check_result import Mark, clocks, left_out
from tests.bot.build import Hail


def test_clocks() -> None:
    """The clock that is furthest off is named, with which way and by how much."""
    assert clocks({"web-1": 0.4, "web-2": -0.2}, 2.0).mark is Mark.OK
    behind = clocks({"web-1": 0.4, "web-2": -40.2}, 2.0)
    assert behind.mark is Mark.FAIL
    assert "web-2 is 40 s behind this machine" in behind.text
    assert "NTP" in behind.fix
    assert clocks({}, 2.0).mark is Mark.NOTE


def test_a_strangers_command_by_the_name_of_one_of_ours() -> None:
    """Ours is not said to be missing: only the other one is not used."""
    broken = {"hail": "acme 1.0 and baton have a command hail each", "lost": "no module acme_lost"}
    ours, lost = left_out(Commands([Extension(Hail)], broken))
    assert ours.text.startswith("another command hail is not used: acme 1.0 and")
    assert ours.fix == "uninstall or rename the other one."
    assert lost.text == "lost was not loaded: no module acme_lost"
