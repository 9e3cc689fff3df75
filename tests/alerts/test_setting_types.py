"""The types of values in alerts.toml."""

from __future__ import annotations

import pytest

from alerts.setting_types import checked_cron, checked_zone


@pytest.mark.parametrize("cron", ["", "* * * *", "61 * * * *", "0 0 31 2 *", "0 0 * * * *"])
def test_a_cron_that_names_no_time(cron: str) -> None:
    with pytest.raises(ValueError, match="five fields"):
        checked_cron(cron)


def test_a_zone_that_is_none() -> None:
    assert checked_zone("Europe/Berlin") == "Europe/Berlin"
    for zone in ("Europe/Nowhere", "../etc/passwd", ""):
        with pytest.raises(ValueError, match="a time zone such as"):
            checked_zone(zone)
