"""alerts.toml: what is checked, and who is notified. It is checked whole; an error names the
line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydantic import field_validator

from alerts.checks.settings import CheckSettings
from alerts.extensions import CHANNEL_ID, ExtensionRules, installed_rules
from alerts.mute.settings import MuteSettings
from alerts.notify.settings import NotifySettings
from alerts.setting_types import Seconds
from baton.errors import SettingsError
from baton.settings import Table, validated
from baton.toml_lines import line_of, parse_toml


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
    """Return the settings in `text`, where channels are named by their IDs, with the rules of
    installed extensions. Raises SettingsError, as `load_alerts` does."""
    settings = parse_alerts(text, file)
    _check_channels(settings, text, file)
    return with_installed(settings)[0]


def with_installed(settings: AlertSettings) -> tuple[AlertSettings, tuple[str, ...]]:
    """Return `settings` with the rules of installed extensions behind its own, and why each that is
    left out is.

    What is invalid is left out, and so is what needs a name or token that is taken: the alerts of a
    file must not end because of an extension.
    """
    left_out = []
    for one in installed_rules():
        more = one.thing if not one.reason else None
        reason = one.reason if more is None else clash(settings, more)
        if more is None or reason:
            left_out.append(replace(one, reason=reason).complaint)
            continue
        settings = settings.model_copy(
            update={
                name: (*getattr(settings, name), *getattr(more, name))
                for name in ExtensionRules.model_fields
            }
        )
    return settings, tuple(left_out)


def rules_left_out(file: Path) -> tuple[str, ...]:
    """Return why each installed extension is left out whose rules do not go with `file`. Raises
    SettingsError."""
    return with_installed(parse_alerts(read_text(file), str(file)))[1]


def clash(settings: AlertSettings, rules: ExtensionRules) -> str:
    """Return why `rules` cannot be added to `settings`; empty if they can."""
    probes = [table.name for table in (*settings.probe, *rules.probe)]
    checkins = [table.name for table in (*settings.checkin, *rules.checkin)]
    tokens = [table.token.get_secret_value() for table in (*settings.checkin, *rules.checkin)]
    for what, names in (("probe", probes), ("check-in", checkins)):
        for name in names:
            if names.count(name) > 1:
                return f"there is another {what} {name}"
    if any(token and tokens.count(token) > 1 for token in tokens):
        return "a token of its check-ins is used already"
    return ""


def _check_channels(settings: AlertSettings, text: str, file: str) -> None:
    """Raises SettingsError, with the line, if a channel is not named by its ID."""
    for key, channel in settings.named_channels:
        if not CHANNEL_ID.fullmatch(channel):
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
