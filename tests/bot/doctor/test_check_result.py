"""What a check found, in a line."""

from __future__ import annotations

from bot.doctor.check_result import Mark, clocks


def test_clocks() -> None:
    """The clock that is furthest off is named, with which way and by how much."""
    assert clocks({"web-1": 0.4, "web-2": -0.2}, 2.0).mark is Mark.OK
    behind = clocks({"web-1": 0.4, "web-2": -40.2}, 2.0)
    assert behind.mark is Mark.FAIL
    assert "web-2 is 40 s behind this machine" in behind.text
    assert "NTP" in behind.fix
    assert clocks({}, 2.0).mark is Mark.NOTE
