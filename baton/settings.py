"""Settings come from a TOML file, overridden by environment variables.

They are checked as a whole before anything starts.
"""

from __future__ import annotations

import tomllib
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    SecretBytes,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    TomlConfigSettingsSource,
)

from baton.bus.urls import check_urls, split_urls
from baton.errors import SettingsError
from baton.fields import Host, Name, meaning
from baton.text.words import nearest

S = TypeVar("S", bound="FileSettings")

_IN_TOML = {
    "missing": "given: it has no default",
    "tuple_type": "a list: [...]",
    "list_type": "a list: [...]",
    "dict_type": "a table",
    "mapping_type": "a table",
    "model_type": "a table",
    "string_type": "text, in quotes",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "invalid-json-value": "a text, a number, true or false, a list or a table",
    "float_parsing": "a number",
}
"""What a value must be, as those call it who write TOML, by pydantic's name of the error."""


class Table(BaseModel):
    """A table of a settings file accepts no unknown key."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BusSettings(Table):
    """`[bus]` says where RabbitMQ is; several URLs are a pool, tried in turn."""

    url: tuple[SecretStr, ...] = Field(default=(), description="one URL, or a list of them")

    @field_validator("url", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        if not isinstance(value, str | list | tuple):
            raise ValueError("a URL such as amqps://user:password@host, or a list of them")
        return split_urls(value) if isinstance(value, str) else value

    @field_validator("url", mode="after")
    @classmethod
    def _readable(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if value:
            check_urls([url.get_secret_value() for url in value])
        return value

    @property
    def urls(self) -> list[str]:
        """Return the URLs, with their passwords."""
        return [url.get_secret_value() for url in self.url]


class ServerTable(Table):
    """`[server]` says what an agent reports of its server, unless variables or a facts file say
    so."""

    environment: Name | None = None
    fqdn: Host | None = None
    apps: tuple[Name, ...] = ()
    facts_file: Path | None = None

    @field_validator("apps", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return value.replace(",", " ").split() if isinstance(value, str) else value


class FileSettings(BaseSettings):
    """All settings of one file are here.

    They come from where `load` says and from nowhere else: an environment variable that happens to
    have the name of a table does not count.
    """

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the arguments as the only source."""
        return (init_settings,)


def load(
    model: type[S],
    file: Path | None,
    variables: Mapping[str, tuple[str, str]],
    environ: Mapping[str, str],
) -> S:
    """Return the settings in `file`, overridden by those of `variables` that `environ` sets.

    Raises SettingsError that names the file, the key, what is wrong and what it must be.
    """
    name = str(file) if file else "the environment"
    if file is not None:
        _readable(file)
    overrides: dict[str, dict[str, str]] = {}
    for variable, (table, key) in variables.items():
        if environ.get(variable):
            overrides.setdefault(table, {})[key] = environ[variable]

    class FromFile(model):  # type: ignore[misc, valid-type]
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], **_: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            first = InitSettingsSource(settings_cls, init_kwargs=overrides)
            return (
                (first, TomlConfigSettingsSource(settings_cls, toml_file=file))
                if file
                else (first,)
            )

    try:
        return FromFile()
    except ValidationError as error:
        first = _first(error)
        for variable, path in variables.items():
            if first["loc"][:2] == path and environ.get(variable):
                name = f"the environment variable {variable}"
        raise explained(model, name, first) from None


def validated(model: type[BaseModel], table: object, *, file: str, key: str) -> Any:
    """Return `table` of `file`, found under `key`, as a `model`. Raises SettingsError."""
    try:
        return model.model_validate(table)
    except ValidationError as error:
        raise explained(model, file, _first(error), prefix=key) from None


def no_such(what: str, name: str, known: Iterable[str]) -> str:
    """Return `there is no such key (did you mean url?)`."""
    near = nearest(name, known)
    return f"there is no such {what}" + (f" (did you mean {near}?)" if near else "")


def _readable(file: Path) -> None:
    try:
        tomllib.loads(file.read_text())
    except FileNotFoundError:
        problem, must = "there is no such file", "the path of a settings file (--config FILE)"
    except OSError as error:
        problem, must = f"it cannot be read ({error.strerror})", "a file that this user may read"
    except RecursionError:
        problem, must = "its lists or tables are nested too deep", "TOML: key = value, [tables]"
    except ValueError as error:  # no TOML, no UTF-8, or a number that is too long
        problem, must = f"it is not valid TOML ({error})", "TOML: key = value, [tables]"
    else:
        return
    raise SettingsError(file=file, key="the file itself", problem=problem, must=must)


def _first(error: ValidationError) -> ErrorDetails:
    """Return which error to report: a misspelt key before the key that is then missing."""
    found = error.errors(include_url=False)
    return next((one for one in found if one["type"] == "extra_forbidden"), found[0])


def explained(
    model: type[BaseModel], file: str, error: ErrorDetails, prefix: str = ""
) -> SettingsError:
    """Return what pydantic found wrong with `file`, a `model`, in the words of who wrote it. The
    keys in it are below `prefix`."""
    path = [str(part) for part in error["loc"]]
    key = ".".join([prefix, *path] if prefix else path) or "the file"
    problem, must = _shown(model, path, error.get("input")), _must(error)
    if error["type"] == "extra_forbidden":
        known = _keys_beside(model, path)
        problem = no_such("key", path[-1], known)
        must = f"one of {', '.join(sorted(known))}"
    elif error["type"] == "missing":
        problem = "is not set"
    return SettingsError(file=file, key=key, problem=problem, must=must)


def _shown(model: type[BaseModel], path: Sequence[str], given: object) -> str:
    """Return that the given value is invalid, without showing a secret."""
    if not isinstance(given, str | int | float):
        return "invalid value"
    annotation: Any = model
    for part in path:
        inner = _model_in(annotation)
        if inner is not None and part in inner.model_fields:
            annotation = inner.model_fields[part].annotation
    secret = "://" in str(given) or _holds_secret(annotation)
    return "invalid value" if secret else f"invalid value {given!r}"


def _holds_secret(annotation: Any) -> bool:
    """Return whether a value of this type is, or may hold, a secret."""
    if annotation in (SecretStr, SecretBytes):
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return any(_holds_secret(field.annotation) for field in annotation.model_fields.values())
    return any(_holds_secret(argument) for argument in typing.get_args(annotation))


def _must(error: ErrorDetails) -> str:
    if error["type"] == "value_error":
        return str(error.get("ctx", {}).get("error", error["msg"]))
    if plain := meaning(error):
        return plain
    text = error["msg"].removeprefix("Input should be ")
    return _IN_TOML.get(error["type"], text[:1].lower() + text[1:])


def _keys_beside(model: type[BaseModel], path: list[str]) -> list[str]:
    """Return the keys that may stand where the last of `path` stands."""
    current = _model_in(model)
    for part in path[:-1]:
        fields = current.model_fields if current else {}
        if part in fields:  # anything else is a key of a mapping or a place in a list
            current = _model_in(fields[part].annotation)
    beside = current.model_fields if current else {}
    return [field.alias or name for name, field in beside.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that `annotation` is or holds: `X | None`, a list or a mapping of X."""
    if isinstance(annotation, type) and issubclass(annotation, RootModel):
        return _model_in(annotation.model_fields["root"].annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(argument) for argument in typing.get_args(annotation))
    return next((model for model in found if model is not None), None)
