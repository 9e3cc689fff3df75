"""The modal of a command: what the description of its form says, within what Slack takes."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from baton.bus.facts import RunnerFacts
from baton.declared import RESERVED, Argument
from baton.errors import BatonError
from baton_slack_testing.views import check_view, filled
from bot.dispatch.command_form import CommandForm, FormField, command_form, form_fields
from bot.fronts.slack.blocks.forms import (
    MAX_OPTIONS,
    MAX_VALUE,
    command_view,
    error_at,
    with_button,
)
from bot.servers.runner_command import command_of
from tests.bot.build import Ship
from tests.bot.worker import runner

Json = dict[str, Any]


def view_of(form: CommandForm, state: str = "state") -> Json:
    """The modal, which Slack takes."""
    view = command_view(form, state)
    assert view is not None
    check_view(view)
    return view


def fields_of(view: Json) -> dict[str, Json]:
    """The inputs by their block ids."""
    return {each["block_id"]: each for each in view["blocks"] if each["type"] == "input"}


def form(*fields: FormField) -> CommandForm:
    return CommandForm("report", "Make a report", "/report", fields, None)


def field(name: str = "month", **changes: Any) -> FormField:
    values: Json = {"word": name.upper(), "help": "", "required": True, "kind": "text"}
    values |= {"label": name.capitalize(), "value": "", "options": ()} | changes
    return FormField(name=name, **values)


def test_a_modal_asks_for_what_the_form_describes() -> None:
    """Labels, help, choices, defaults, and what must be filled in; and when it is to run."""
    view = view_of(command_form(command_of(runner()), {}, {"month": "may"}))
    fields = fields_of(view)
    assert list(fields) == ["f-month", "f-copies", "when"]
    month, copies = fields["f-month"], fields["f-copies"]
    assert month["label"]["text"] == "Month"
    assert month["hint"]["text"] == "of which month"
    assert [each["value"] for each in month["element"]["options"]] == ["april", "may", "june"]
    assert month["element"]["initial_option"]["value"] == "may"
    assert "optional" not in month
    assert copies["element"]["initial_value"] == "1"
    assert copies["optional"] is True
    assert view["title"]["text"] == "/report"
    assert view["private_metadata"] == "state"


def test_known_servers_are_options() -> None:
    """As on the page of the console: those of a field that has some, in a list."""
    values = {"environment": ["prod", "staging"], "app": [], "host": ["web-1"]}
    fields = fields_of(view_of(command_form(Ship, values, {"app": "shop"})))
    environments = fields["f-environment"]["element"]
    assert [each["value"] for each in environments["options"]] == ["prod", "staging"]
    assert "initial_option" not in environments
    assert fields["f-app"]["element"]["initial_value"] == "shop"


def test_more_options_than_a_list_holds_are_typed() -> None:
    """And one that is longer than Slack shows: what is wrong with what is typed stands there."""
    many = tuple(f"web-{number}" for number in range(MAX_OPTIONS + 1))
    for options in (many, ("x" * 76, "y"), ("\u200b", "y")):
        element = fields_of(view_of(form(field(kind="select", options=options))))["f-month"]
        assert element["element"]["type"] == "plain_text_input"
    shown = fields_of(view_of(form(field(kind="select", options=many[:MAX_OPTIONS]))))["f-month"]
    assert len(shown["element"]["options"]) == MAX_OPTIONS


def test_a_box_is_ticked_as_its_default_says_and_may_be_left() -> None:
    """Slack would not send a form whose box must be ticked."""
    for value, ticked in (("yes", ["yes"]), ("no", []), ("", [])):
        view = view_of(form(field("draft", kind="check", value=value)))
        box = fields_of(view)["f-draft"]
        assert box["optional"] is True
        known = box["element"].get("initial_options", [])
        assert [each["value"] for each in known] == ticked
        assert filled(view, {"f-draft": ""})["f-draft"]["f-draft"]["selected_options"] == []


def test_what_has_no_room_has_no_modal() -> None:
    """Too many fields, a name or a value that is too long for Slack, or nothing to ask."""
    many = [field(f"f{number}") for number in range(99)]
    assert command_view(form(*many), "") is not None
    for wrong in ((*many, field("f99")), (field("x" * 254),), (field(value="x" * 3001),), ()):
        assert command_view(form(*wrong), "") is None
    assert command_view(form(field()), "x" * 3001) is None


def test_an_error_stands_at_its_field_or_above_the_button() -> None:
    """Slack shows errors at inputs only, and at none that is not there."""
    inputs = ("f-app", "f-environment", "when")
    assert error_at("environment", inputs) == "f-environment"
    assert error_at("host", inputs) == "when"
    assert error_at("", inputs) == "when"


def test_a_button_carries_the_words_as_long_as_it_can() -> None:
    """Its value holds 2,000 characters; a longer text than a section has no button."""
    (_, actions) = with_button("ENVIRONMENT is missing.", "deploy shop")
    assert actions["elements"][0]["value"] == "deploy shop"
    (_, actions) = with_button("wrong", "deploy " + "x" * MAX_VALUE)
    assert actions["elements"][0]["value"] == "deploy"
    assert with_button("wrong", "") == with_button("x" * 3001, "deploy") == []


TEXT = st.text(max_size=90)
FIELD = st.builds(
    FormField,
    name=st.from_regex(r"[a-z_]{1,80}", fullmatch=True),
    label=st.text(max_size=2500),
    word=TEXT,
    help=st.text(max_size=2500),
    required=st.booleans(),
    kind=st.sampled_from(("text", "select", "check", "number")),
    value=TEXT,
    options=st.lists(TEXT, max_size=130, unique=True).map(tuple),
    default=TEXT,
)
FORMS = st.builds(
    CommandForm,
    command=st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True),
    summary=st.text(max_size=4000),
    usage=TEXT,
    fields=st.lists(FIELD, max_size=40, unique_by=lambda each: each.name).map(tuple),
    when=st.none(),
)


@given(FORMS)
def test_slack_takes_every_modal(form: CommandForm) -> None:
    """Whatever somebody declared, in any language, however much of it: nothing of it is lost, and
    what must be filled in can be."""
    view = command_view(form, "state")
    if view is None:
        assert not form.fields
        return
    check_view(view)
    assert list(fields_of(view)) == [f"f-{one.name}" for one in form.fields]
    for one, block in zip(form.fields, fields_of(view).values(), strict=True):
        assert block.get("optional", False) == (not one.required or one.kind == "check")
        options = block["element"].get("options", [])
        if one.kind == "select" and options:
            assert [each["value"] for each in options] == list(one.options)


DECLARED: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {"type": st.sampled_from(("text", "integer", "number", "flag", "duration", "date"))},
    optional={
        "help": st.text(max_size=200),
        "required": st.booleans(),
        "default": st.one_of(st.booleans(), st.integers(-5, 5), st.text(max_size=40)),
    },
) | st.fixed_dictionaries(
    {
        "type": st.just("choice"),
        "of": st.lists(st.text(min_size=1, max_size=75), min_size=1, max_size=100, unique=True),
    },
    optional={"help": st.text(max_size=200)},
)


def _usable(declared: Json) -> bool:
    try:
        Argument.model_validate(declared)
    except ValidationError:
        return False
    return True


@pytest.mark.slow
@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_]{0,40}", fullmatch=True).filter(lambda n: n not in RESERVED),
        DECLARED.filter(_usable),
        min_size=1,
        max_size=30,
    )
)
def test_slack_takes_the_modal_of_every_runner(arguments: Json) -> None:
    """A worker may declare whatever its file allows."""
    facts: RunnerFacts = runner(arguments=arguments)
    try:
        command = command_of(facts)
    except BatonError:
        return
    described = {one.name: one for one in form_fields(command, {}, {})}
    fields = fields_of(view_of(command_form(command, {}, {})))
    for name, one in described.items():
        element = fields[f"f-{name}"]["element"]
        stands = cast("Json", element.get("initial_option", {})).get("value")
        stands = stands or element.get("initial_value", "")
        if element["type"] != "checkboxes":
            assert stands == one.default or not one.default.strip()
