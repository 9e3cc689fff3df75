"""The file of `baton bot`: `baton.toml`, overridden by environment variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from baton.bus.signing.public_key import KeyLine
from baton.errors import SettingsError
from baton.fields import Host, Name
from baton.settings import BusSettings, FileSettings, Table, load
from bot.dispatch.console_address import is_loopback
from bot.dispatch.gates.freezing.freeze_table import FreezeTable
from bot.dispatch.gates.tables import GateTable
from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from bot.dispatch.rate_limiter import LimitsTable
from bot.jobs import Place

SLACK_API = "https://slack.com/api/"

BOT_VARIABLES = {
    "BATON_BUS_URL": ("bus", "url"),
    "BATON_DATABASE_URL": ("database", "url"),
    "SLACK_BOT_TOKEN": ("slack", "bot_token"),
    "SLACK_APP_TOKEN": ("slack", "app_token"),
    "SLACK_API_URL": ("slack", "api_url"),
    "BATON_WEB_ENABLED": ("web", "enabled"),
    "BATON_WEB_ADDRESS": ("web", "address"),
    "BATON_WEB_PORT": ("web", "port"),
    "BATON_WEB_URL": ("web", "url"),
    "BATON_ALERTS_FILE": ("alerts", "file"),
}
"""The environment variables, each with the key that it overrides."""

_REQUIRED = (
    ("bus", "url", "a URL such as amqps://user:password@host (or set BATON_BUS_URL)"),
    ("slack", "bot_token", "the token that begins with xoxb- (or set SLACK_BOT_TOKEN)"),
    ("slack", "app_token", "the token that begins with xapp- (or set SLACK_APP_TOKEN)"),
)
"""The keys without a default, each with what its value must be."""
_PREFIXES = {"bot_token": "xoxb-", "app_token": "xapp-"}


class BotBus(BusSettings):
    """`[bus]`: as for an agent. `identity`: `checked` believes agents that share an account with
    others until they prove otherwise; `required` believes only those that have an account of their
    own, called `agent.HOST`."""

    identity: Literal["checked", "required"] = "checked"


class DatabaseTable(Table):
    """`[database]`: where the ledger is: `sqlite:///FOLDER/FILE` or
    `postgresql://USER:PASSWORD@HOST/DATABASE`."""

    url: SecretStr = SecretStr("sqlite:///baton.db")


class SlackTable(Table):
    """`[slack]`: the app's two tokens. `api_url` is Slack's own unless there is a gateway."""

    bot_token: SecretStr = SecretStr("")
    app_token: SecretStr = SecretStr("")
    api_url: str = SLACK_API

    @field_validator("bot_token", "app_token")
    @classmethod
    def _of_its_kind(cls, token: SecretStr, info: ValidationInfo) -> SecretStr:
        text = token.get_secret_value().strip()
        prefix = _PREFIXES[str(info.field_name)]
        if text and not text.startswith(prefix):
            other = next((key for key, its in _PREFIXES.items() if text.startswith(its)), "")
            swapped = f" (this one is the {other})" if other else ""
            raise ValueError(f"a token that begins with {prefix}{swapped}")
        return SecretStr(text)

    @field_validator("api_url")
    @classmethod
    def _an_address(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"a URL such as {SLACK_API}")
        return url.rstrip("/") + "/"


class BotTable(Table):
    """`[bot]`: `name` is shown on the bus and in Slack's list of connections; finished jobs are
    kept for `retention_days`."""

    name: str = Field(default="bot", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)
    retention_days: int = Field(default=90, ge=1, le=36_500)


class SlackOpenIdTable(Table):
    """`[web.slack_openid]`: people sign in to the console with Slack. Both are under Basic
    Information -> App Credentials."""

    client_id: str = Field(min_length=1, max_length=200)
    client_secret: SecretStr = Field(min_length=1, max_length=200)


class WebTable(Table):
    """`[web]`: where the bot answers over HTTP: the console, health, metrics, check-ins and pushed
    alerts. Port 0 is any that is free. `url` is the address at which people open the console.
    `senders` are the tokens of those who may push alerts and events, by name."""

    enabled: bool = True
    address: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    console: bool = True
    url: str = ""
    slack_openid: SlackOpenIdTable | None = None
    senders: Mapping[Name, SecretStr] = Field(default_factory=dict)

    @field_validator("url")
    @classmethod
    def _an_origin(cls, url: str) -> str:
        must = "the address that people open, without a path, such as https://baton.example.com"
        try:
            parts = urlsplit(url.rstrip("/"))
            plain = parts.port != 0 and parts.username is None
        except ValueError:
            raise ValueError(must) from None
        known = parts.scheme in ("http", "https") and parts.hostname is not None
        if url and not (plain and known and parts.geturl() == f"{parts.scheme}://{parts.netloc}"):
            raise ValueError(must)
        return url.rstrip("/").lower()

    @model_validator(mode="after")
    def _https_for_slack(self) -> WebTable:
        if self.slack_openid is not None and not self.url.startswith("https://"):
            raise ValueError("[web.slack_openid] only with a url that begins with https://")
        return self

    @property
    def everywhere(self) -> bool:
        """Whether other machines may reach the bot's port."""
        return not is_loopback(self.address)

    def console_url(self, listening: str) -> str:
        """Return the address at which people open the console: `listening`, the address at which
        the bot listens, unless another is set. It is empty if nobody has said it: an address such
        as 0.0.0.0 can be opened nowhere."""
        return self.url or ("" if self.everywhere else listening)


class AlertsTable(Table):
    """`[alerts]`: `file` says what is checked and who is notified; without it no alerts."""

    file: Path | None = None


class AuditTable(Table):
    """`[audit]`: `channel` is where the head of the audit log is posted each day, `#name` or an id,
    so that nobody can write the log anew unseen. It also hears of each freeze that is broken,
    wherever that was asked. Without it no head is posted."""

    channel: str = Field(default="", max_length=256)

    def place(self, front: str) -> Place | None:
        """Return the place of the channel in `front`; None if there is none."""
        return Place(front, self.channel) if self.channel else None


class SigningTable(Table):
    """`[signing]`: what the bot asks of servers is signed with the private key in the file `key`,
    and while one key replaces another with `also` too. `agents` are the public keys of agents and
    workers: what those say is believed only if they have signed it."""

    key: Path | None = None
    also: Path | None = None
    agents: Mapping[Host, KeyLine] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _first_the_first(self) -> SigningTable:
        if self.also is not None and self.key is None:
            raise ValueError("a table with key too, if it has also")
        return self


class BotSettings(FileSettings):
    """All settings of a bot."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    bus: BotBus = BotBus()
    database: DatabaseTable = DatabaseTable()
    slack: SlackTable = SlackTable()
    bot: BotTable = BotTable()
    web: WebTable = WebTable()
    alerts: AlertsTable = AlertsTable()
    audit: AuditTable = AuditTable()
    signing: SigningTable = SigningTable()
    limits: LimitsTable = LimitsTable()
    allow: tuple[Rule, ...] = ()
    environments: Mapping[Name, EnvironmentTable] = Field(default_factory=dict)
    gate: tuple[GateTable, ...] = ()
    freeze: tuple[FreezeTable, ...] = ()

    @property
    def policy(self) -> Policy:
        """Return who may run which commands, where."""
        return Policy(self.allow, self.environments)

    def missing(self) -> list[tuple[str, str]]:
        """Return the required keys that have no value, each with what it must be."""
        return [
            (f"{table}.{key}", must)
            for table, key, must in _REQUIRED
            if not getattr(getattr(self, table), key)
        ]


def load_bot(file: Path | None, environ: Mapping[str, str]) -> BotSettings:
    """Return the settings in `file`, overridden by those in `environ`.

    Raises SettingsError, which names the file, the key, what is wrong and what it must be.
    """
    try:
        return load(BotSettings, file, BOT_VARIABLES, environ)
    except SettingsError as error:
        raise SettingsError(**{**error.facts, "key": _of_rule(str(error.facts["key"]))}) from None


def _of_rule(key: str) -> str:
    """Return `allow.0.who` as people count: `[[allow]] rule 1: who`."""
    found = re.fullmatch(r"(allow|gate|freeze)\.(\d+)(?:\.(\w+))?(?:\.(\d+))?", key)
    if found is None:
        return key
    table, rule, name, number = found.groups()
    which = f", number {int(number) + 1}" if number else ""
    return f"[[{table}]] rule {int(rule) + 1}" + (f": {name}{which}" if name else "")


def complete(settings: BotSettings, file: Path | None) -> BotSettings:
    """Return `settings` if they are complete for a bot in Slack. Raises SettingsError."""
    for key, must in settings.missing():
        name = str(file) if file else "the environment"
        raise SettingsError(file=name, key=key, problem="is not set", must=must)
    return settings
