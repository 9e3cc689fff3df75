"""alerts.toml: what is checked, and who is notified. It is checked whole; an error names the
line."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import field_validator

from alerts.checks.settings import CheckSettings
from alerts.mute.settings import MuteSettings
from alerts.notify.settings import NotifySettings
from alerts.setting_types import Seconds
from baton.errors import SettingsError
from baton.settings import Table, validated
from baton.toml_lines import line_of, parse_toml

_CHANNEL_ID = re.compile(r"[A-Z][A-Z0-9_]+")
"""The ID of a channel. Names do not do: Slack edits messages by ID only, and names change."""


class RecordingTable(Table):
    """`[recording]`: what is observed is written to one file a day in `folder`, on the machine of
    the leader, and kept for `keep`, so that other settings can be tried on it."""

    folder: Path
    keep: Seconds = 7 * 86400.0

    @field_validator("folder")
    @classmethod
    def _whole(cls, folder: Path) -> Path:
        if not folder.is_absolute():
            raise ValueError("the whole path of a folder, such as /var/lib/baton/recordings")
        return folder


class AlertSettings(CheckSettings, MuteSettings, NotifySettings):
    """All of alerts.toml. The file is flat, so this composes the parts of the stages by
    inheritance; each stage knows only its own part."""

    recording: RecordingTable | None = None


def load_alerts(file: Path) -> AlertSettings:
    """Return the settings in `file`. Raises SettingsError that names the file, the line and the
    reason."""
    return read_alerts(read_text(file), str(file))


def read_alerts(text: str, file: str) -> AlertSettings:
    """Return the settings in `text`, where channels are named by their IDs. Raises SettingsError,
    as `load_alerts` does."""
    settings = parse_alerts(text, file)
    _check_channels(settings, text, file)
    return settings


def _check_channels(settings: AlertSettings, text: str, file: str) -> None:
    """Raises SettingsError, with the line, if a channel is not named by its ID."""
    for key, channel in settings.named_channels:
        if not _CHANNEL_ID.fullmatch(channel):
            line = line_of(text, key)
            raise SettingsError(
                file=f"{file}, line {line}" if line else file,
                key=key,
                problem=f"“{channel}” is not a channel ID",
                must="an ID such as C0123ABCD: Slack shows it in the channel's details",
            )


def _check_tokens(settings: AlertSettings, text: str, file: str) -> None:
    """Raises SettingsError if two check-ins have the same token: every ping would count for only
    one of them."""
    known: dict[str, int] = {}
    for place, table in enumerate(settings.checkin):
        token = table.token.get_secret_value()
        first = known.setdefault(token, place)
        if token and first != place:
            key = f"checkin.{place}.token"
            line, other = line_of(text, key), line_of(text, f"checkin.{first}.token")
            raise SettingsError(
                file=f"{file}, line {line}",
                key=key,
                problem=f"{table.name} has the same token as "
                f"{settings.checkin[first].name} (line {other})",
                must="a token of its own, such as: openssl rand -hex 16",
            )


def read_text(file: Path) -> str:
    """Return the text of `file`. Raises SettingsError."""
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsError(
            file=file,
            key="the file itself",
            problem=f"it cannot be read ({reason})",
            must="a text file that this user may read",
        ) from None


def parse_alerts(text: str, file: str = "alerts.toml") -> AlertSettings:
    """Return the settings in `text`. Raises SettingsError, as `load_alerts` does."""
    table = parse_toml(text, file)
    try:
        settings: AlertSettings = validated(AlertSettings, table, file=file, key="")
    except SettingsError as error:
        line = line_of(text, str(error.facts["key"]))
        where = f"{file}, line {line}" if line else file
        raise SettingsError(**{**error.facts, "file": where}) from None
    _check_tokens(settings, text, file)
    return settings
