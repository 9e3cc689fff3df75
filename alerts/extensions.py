"""Rules of alerts that other distributions bring: entry points of the group `baton.alerts`.

Each names a text: tables of alerts.toml that know nothing of one installation, such as what mutes
what. They are added behind those of the file, so that the file decides first.
"""

from __future__ import annotations

import re

from alerts.checks.settings import CheckInTable, ProbeTable
from alerts.mute.settings import InhibitTable, MaintenanceTable
from alerts.notify.settings import RouteTable
from baton.entry_points import Installed, look
from baton.errors import ExtensionError, SettingsError
from baton.settings import Table, validated
from baton.toml_lines import line_of, parse_toml

CHANNEL_ID = re.compile(r"[A-Z][A-Z0-9_]+")
"""The ID of a channel. Names do not do: Slack edits messages by ID only, and names change."""


class ExtensionRules(Table):
    """The tables of alerts.toml that an extension may bring: what is checked, what is muted, and
    routes. Whom to notify by default, and how often, is the file's own."""

    checkin: tuple[CheckInTable, ...] = ()
    probe: tuple[ProbeTable, ...] = ()
    inhibit: tuple[InhibitTable, ...] = ()
    maintenance: tuple[MaintenanceTable, ...] = ()
    route: tuple[RouteTable, ...] = ()


def installed_rules() -> tuple[Installed[ExtensionRules], ...]:
    """Return the rules of each installed distribution that brings some, valid or not."""
    return look("alert", _rules, lambda name, _: name)


def _rules(name: str, found: object) -> ExtensionRules:
    """Return the rules in the text `found`. Raises ExtensionError, with the line."""
    if not isinstance(found, str):
        raise ExtensionError(name=name, reason="what it names is not a text with tables of TOML")
    where = "its text"
    try:
        table = parse_toml(found, where)
        rules: ExtensionRules = validated(ExtensionRules, table, file=where, key="")
        for at, route in enumerate(rules.route):
            if route.channel and not CHANNEL_ID.fullmatch(route.channel):
                raise SettingsError(
                    file=where,
                    key=f"route.{at}.channel",
                    problem=f"“{route.channel}” is not a channel ID",
                    must="an ID such as C0123ABCD",
                )
    except SettingsError as error:
        line = line_of(found, str(error.facts["key"]))
        facts = {**error.facts, "file": f"{where}, line {line}"} if line else error.facts
        raise ExtensionError(name=name, reason=str(SettingsError(**facts))) from None
    return rules
