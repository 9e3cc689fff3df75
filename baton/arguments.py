"""Arguments are parsed here: words become the values of a model's fields, and back. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import Enum

from pydantic import BaseModel, ValidationError

from baton.errors import UsageError
from baton.fields import FieldSpec, fields_of
from baton.text.words import cited, did_you_mean, quoted, shortened, spaced


def format_arguments(command: BaseModel, *, verbatim: bool = False) -> Iterable[str]:
    """Return the words that request `command`: they parse to the same command."""
    if verbatim:
        (spec,) = fields_of(type(command))
        yield spaced(getattr(command, spec.name))
        return
    in_place = True
    names = set(type(command).model_fields)
    for spec in fields_of(type(command)):
        value = getattr(command, spec.name)
        given = value is not None and value != type(command).model_fields[spec.name].get_default(
            call_default_factory=True
        )
        if spec.positional and not given:
            in_place = False
        if not given:
            continue
        text = _text(value, spec)
        if spec.flag and value:
            yield spec.option
        elif spec.positional and in_place and not _looks_like_option(text, names):
            yield " ".join(quoted(part) for part in _texts(value)) if spec.many else quoted(text)
        elif text.startswith("-") or spec.positional or spec.flag:
            yield quoted(f"{spec.option}={text}")
        else:
            yield f"{spec.option} {quoted(text)}"


def _texts(values: Iterable[object]) -> list[str]:
    return [str(value.value if isinstance(value, Enum) else value) for value in values]


def _text(value: object, spec: FieldSpec) -> str:
    if spec.flag:
        return "yes" if value else "no"
    return ",".join(_texts(value)) if spec.many else _texts([value])[0]  # type: ignore[arg-type]


def _looks_like_option(text: str, names: Collection[str]) -> bool:
    key = text.partition("=")[0].replace("-", "_").lower()
    return text.startswith("-") or ("=" in text and key in names)


def parse_arguments(
    model: type[BaseModel], words: Sequence[str], *, verbatim: bool = False
) -> dict[str, object]:
    """Return the values that `words` give to the fields of `model`.

    Raises UsageError that names the field and what is wrong.
    """
    specs = fields_of(model)
    if verbatim:
        return {specs[0].name: list(words)}
    places = [spec for spec in specs if spec.positional]
    options = {spec.name: spec for spec in specs}
    values: dict[str, object] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        spec, value = _option(word, options)
        if spec is None:
            spec, value = _place(places, values, word), word
        elif value is None:
            value = _value_after(spec, word, rest)
        _put(values, spec, value)
    return values


def _option(word: str, options: Mapping[str, FieldSpec]) -> tuple[FieldSpec | None, str | None]:
    """Return the option that `word` sets and its value; (None, None) if the word is not an
    option."""
    dashed = word.startswith("--")
    key, has_value, value = word.removeprefix("--").partition("=")
    name = key.replace("-", "_").lower()
    if not dashed and not (has_value and name in options):
        if word.startswith("-") and len(word) > 1 and not word[1].isdigit():
            problem = f"{shortened(word)} is not an option: options begin with two dashes."
            raise UsageError(problem, field=name.lstrip("_"))
        return None, None
    if name not in options:
        known = [spec.option for spec in options.values() if not spec.positional]
        hint = did_you_mean(f"--{key}", known)
        raise UsageError(f"Unknown option {shortened(f'--{key}')}.{hint}", field=name)
    if has_value and not value:
        raise UsageError(f"{options[name].label} needs a value.", field=name)
    return options[name], (value if has_value else None)


def _value_after(spec: FieldSpec, word: str, rest: list[str]) -> str:
    if spec.flag:
        return "true"
    if not rest or rest[0].startswith("--"):
        raise UsageError(f"{word} needs a value.", field=spec.name)
    return rest.pop(0)


def _place(places: Sequence[FieldSpec], values: Mapping[str, object], word: str) -> FieldSpec:
    for spec in places:
        if spec.many or spec.name not in values:
            return spec
    raise UsageError(f"Unexpected argument {cited(word)}.")


def _put(values: dict[str, object], spec: FieldSpec, value: str | None) -> None:
    if spec.many:
        held = values.setdefault(spec.name, [])
        assert isinstance(held, list)
        held.extend(part for part in str(value).split(",") if part)
    elif spec.name in values:
        raise UsageError(f"{spec.label} is given twice.", field=spec.name)
    else:
        values[spec.name] = value


def usage_error(
    model: type[BaseModel], error: ValidationError, values: Mapping[str, object]
) -> UsageError:
    """Return what pydantic found wrong with `values`, in the words of whoever typed them."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    spec = next((spec for spec in fields_of(model) if spec.name == name), None)
    if spec is None:
        return UsageError(f"{first['msg']}.", field=name)
    if first["type"] == "missing":
        return UsageError(f"{spec.label} is missing.", field=name)
    given = values.get(name)
    shown = cited(str(given))
    if spec.choices:
        hint = did_you_mean(str(given), spec.choices)
        must = f"it must be one of {', '.join(spec.choices)}"
        return UsageError(f"{spec.label}: invalid value {shown}: {must}.{hint}", field=name)
    if first["type"] == "value_error":
        must = str(first["ctx"]["error"])
    else:
        must = f"it must be {spec.meant}" if spec.meant else first["msg"].lower()
    return UsageError(f"{spec.label}: invalid value {shown}: {must}.", field=name)
