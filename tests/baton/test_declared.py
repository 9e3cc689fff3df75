"""Arguments that settings declare become fields of a command."""

from __future__ import annotations

import inspect
from functools import cache

import pytest
from pydantic import BaseModel, ValidationError

from baton.command import Command, words_of
from baton.declared import RESERVED, Argument, field_of, for_programs, model_of
from baton.errors import UsageError

REPORT = {
    "month": Argument(type="choice", of=("may", "june"), help="the month"),
    "copies": Argument(type="integer", min=1, max=10, default=3),
    "scale": Argument(type="number", required=False),
    "since": Argument(type="date", required=False),
    "within": Argument(type="duration", default="1h"),
    "heading": Argument(type="text", required=False),
    "draft": Argument(type="flag"),
}


@cache
def report() -> type[Command]:
    command = model_of("Report", REPORT, Command, "Make the report.")
    command.name = "report"
    return command


def test_a_declared_argument_is_a_word_if_it_must_be_given_else_an_option() -> None:
    assert report().usage() == (
        "/report may|june [--copies COPIES] [--scale SCALE] [--since SINCE] [--within WITHIN]"
        " [--heading HEADING] [--draft]"
    )
    assert report().summary() == "Make the report."
    assert "--since   a date such as 2026-11-27" in report().help()


@pytest.mark.parametrize(
    "words",
    [
        "report may",
        "report june --copies 4 --scale 0.5 --since 2026-11-27 --within 2h30m --draft",
        'report may --within "90 minutes" --heading "a b"',
    ],
)
def test_what_was_typed_is_what_is_shown_and_parses_to_the_same(words: str) -> None:
    command = report().from_words(words.partition(" ")[2])
    assert words_of(command) == words
    assert report().from_arguments(command.model_dump(mode="json")) == command


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("", "MONTH is missing."),
        ("mai", "MONTH: invalid value “mai”: it must be one of may, june. Did you mean may?"),
        ("may --copies 0", "a whole number, at least 1 and at most 10."),
        ("may --copies x", "it must be a whole number."),
        ("may --scale inf", "it must be a number."),
        ("may --since 30.2.2026", "a date such as 2026-11-27."),
        ("may --within 5", "a length of time such as 30s, 5m or 1h30m"),
    ],
)
def test_an_invalid_argument_is_named_with_what_it_must_be(words: str, problem: str) -> None:
    with pytest.raises(UsageError) as error:
        report().from_words(words)
    assert problem in error.value.problem


@pytest.mark.parametrize(
    ("declared", "must"),
    [
        ({"type": "choice"}, "a choice with its values"),
        ({"type": "text", "of": ["a"]}, "another type without them"),
        ({"type": "choice", "of": ["a", "a"]}, "each value stands once"),
        ({"type": "choice", "of": [1, 2]}, "a list of texts"),
        ({"type": "choice", "of": ["a"], "default": "b"}, "a default that is one of a"),
        ({"type": "integer", "default": "x"}, "a default that is"),
        ({"type": "integer", "min": 1, "default": 0}, "a default that is a whole number, at least"),
        ({"type": "date", "default": "now"}, "a default that is a date such as"),
        ({"type": "text", "max": 3}, "an integer or a number"),
        ({"type": "number", "min": 2, "max": 1}, "not above its `max`"),
        ({"type": "flag", "required": True}, "a flag is never required"),
        ({"type": "text", "default": "a", "required": True}, "either required or given a default"),
        ({"type": "file"}, "'text', 'integer', 'number', 'choice', 'flag', 'duration' or 'date'"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(
    declared: dict[str, object], must: str
) -> None:
    with pytest.raises(ValidationError) as error:
        Argument.model_validate(declared)
    assert must in str(error.value)


def test_every_name_that_a_command_has_itself_is_reserved() -> None:
    """A field of such a name would hide what the command says about itself."""
    own = {name for name, _ in inspect.getmembers(Command) if not name.startswith("_")}
    assert own | set(Command.__annotations__) <= RESERVED


def test_a_program_gets_a_duration_in_seconds_and_the_rest_as_it_is() -> None:
    values = report().from_words("may --within 2h30m").model_dump(mode="json")
    assert for_programs(REPORT, values)["within"] == 9000.0
    assert for_programs(REPORT, values)["month"] == "may"


def test_what_a_newer_worker_says_of_an_argument_is_ignored() -> None:
    assert Argument.model_validate({"type": "flag", "colour": "red"}) == Argument(type="flag")


def test_a_declared_argument_travels_and_stays_the_same() -> None:
    for argument in REPORT.values():
        assert Argument.model_validate(argument.model_dump(mode="json")) == argument
    assert isinstance(
        model_of("M", {"n": REPORT["copies"]}, BaseModel).model_validate({}), BaseModel
    )
    assert not field_of(REPORT["copies"])[1].is_required()
