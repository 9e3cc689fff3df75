"""alerts.toml, as this bot can keep it."""

from __future__ import annotations

from pathlib import Path

from alerts import AlertSettings
from alerts import load_alerts as load
from baton.errors import SettingsError


def load_alerts(file: Path) -> AlertSettings:
    """The settings in `file`. Raises SettingsError that names the file and the reason, for a probe
    of a server's own too: it is this bot that runs them."""
    settings = load(file)
    for number, probe in enumerate(settings.probe):
        if probe.host is not None:
            raise SettingsError(
                file=file,
                key=f"probe.{number}.host",
                problem=f"the probe {probe.name} is to be run on a server",
                must="left out: probes are run by the bot, over url or tcp",
            )
    return settings
