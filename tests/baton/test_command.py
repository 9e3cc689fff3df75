from __future__ import annotations

import json
import string
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import Field, field_validator

from baton.bus.messages import State
from baton.command import Command, Reach, Target
from baton.consumer import Extension
from baton.errors import BatonError, ExtensionError, UsageError
from baton.extensions import Commands, installed
from baton.fields import Host, Name, Positional, Ref, fields_of
from baton.outcome import RunReport, counted, duration, named, size_of
from baton.timing.durations import leading
from bot.alerting.commands.command import ALERTS
from bot.app.dispatching import ANSWERED_HERE
from tests.support.quick import quickly


class Colour(StrEnum):
    RED = "red"
    DARK_BLUE = "dark-blue"


class Paint(Command):
    """Paint a wall.

    Takes its time.
    """

    name: ClassVar[str] = "paint"
    example: ClassVar[str] = "/paint shop red"

    app: Name = Field(description="what to paint")
    colour: Colour = Field(description="with which colour")
    second: Annotated[str | None, Positional] = None
    host: Annotated[Host | None, Positional] = None
    ref: Ref | None = None
    coats: int = Field(1, description="how often")
    finish: Literal["matt", "gloss"] = "matt"
    dry_run: bool = False
    primer: bool = True
    note: str = ""
    tags: tuple[str, ...] = ()

    @field_validator("coats")
    @classmethod
    def _few(cls, coats: int) -> int:
        if coats > 9:
            raise ValueError("more than nine coats never dry")
        return coats


class Shout(Command):
    """Shout several words."""

    name: ClassVar[str] = "shout"
    words: tuple[str, ...]


@pytest.mark.parametrize(
    "words",
    [
        "shop red --ref v2 --coats 2 --dry-run",
        "shop red ref=v2 coats=2 dry-run=yes",
        "--ref=v2 shop --coats=2 --dry_run red",
        "--app shop --colour red --REF v2 coats=2 --dry-run=true",
        "“shop” ‘red’ —ref v2 –coats 2 —dry-run",
        ["shop", "red", "--ref", "v2", "--coats", "2", "--dry-run"],
    ],
)
def test_one_command_is_asked_for_in_many_ways(words: str | list[str]) -> None:
    """Words in their place, options anywhere; `--ref v2`, `--ref=v2` and `ref=v2` are one."""
    expected = Paint(app="shop", colour=Colour.RED, ref="v2", coats=2, dry_run=True)
    assert Paint.from_words(words) == expected


@pytest.mark.parametrize(
    ("words", "field", "says"),
    [
        ("", "app", "APP is missing."),
        ("shop", "colour", "COLOUR is missing."),
        ("sh/op red", "app", "APP: invalid value “sh/op”: it must be letters, digits, - and _."),
        ("shop rde", "colour", "it must be one of red, dark-blue. Did you mean red?"),
        ("shop red a web-1 b", "", "Unexpected argument “b”."),
        ("shop red --reff v2", "reff", "Unknown option --reff. Did you mean --ref?"),
        ("shop red --ref", "ref", "--ref needs a value."),
        ("shop red --ref --dry-run", "ref", "--ref needs a value."),
        ("shop red --ref=", "ref", "--ref needs a value."),
        ("shop red --ref a --ref b", "ref", "--ref is given twice."),
        ("shop red app=b", "app", "APP is given twice."),
        ("shop red --ref ../etc", "ref", "it must be a branch, tag or commit of git."),
        ("shop red --ref -x", "ref", "it must be a branch, tag or commit of git."),
        ("shop red -r v2", "r", "-r is not an option: options begin with two dashes."),
        ("shop red --coats two", "coats", "it must be a whole number."),
        ("shop red --coats 10", "coats", "more than nine coats never dry"),
        ("shop red --finish mat", "finish", "Did you mean matt?"),
        ("shop red --dry-run=perhaps", "dry_run", "it must be yes or no."),
        ("shop red --", "", "Unknown option --"),
        ("shop 'red", "", "A quote is not closed."),
        (f"shop red --ref {'a' * 7000}.", "ref", "it must be a branch, tag or commit of git."),
        (f"shop red '--ref={'a ' * 3000}'", "ref", "it must be a branch, tag or commit of git."),
        (f"shop red --{'a' * 7000}", "a" * 7000, "Unknown option --aaa"),
        (f"shop red b {'c ' * 2000}", "", "Unexpected argument “c”."),
    ],
)
def test_bad_input_gets_one_message_with_field_problem_and_usage(
    words: str, field: str, says: str
) -> None:
    """A mistake is answered with what was wrong, and where, and the right usage."""
    with pytest.raises(UsageError) as caught:
        Paint.from_words(words)
    assert says in caught.value.problem
    assert caught.value.field == field
    assert caught.value.usage == f"Usage: {Paint.usage()}"
    assert len(caught.value.problem) < 300, "long words are cut, the reason is not"
    assert str(caught.value) == f"{caught.value.problem}\n{caught.value.usage}"


@pytest.mark.parametrize(
    "ref",
    ["v2", "release/2026.1", "feature/a_b-c+d", "v1.0.0", "deadbeef", "user@work", "HEAD", "_x",
     "fix/#123", "ünï",
     "a,b", "x{y}", "a;b", "$(id)", "+1", "@x", "a.lockx", "refs/tags/v1", "A" * 200],
)  # fmt: skip
def test_a_ref_is_a_name_that_git_takes(ref: str) -> None:
    """Branches, tags and commits are taken as they are."""
    assert Paint.from_words(["shop", "red", f"--ref={ref}"]).ref == ref


@pytest.mark.parametrize(
    "ref",
    ["-x", "--upload-pack=x", "a..b", "a/../b", "/a", "a/", "a b", "a\nb", "a\\b",
     "a.lock", "a.lock/b", "a/.b", "@", "a?", "a[b", "\u202eb", "a\u200bb", "\x7f", "a" * 201, "",
     "a@{1}", "a^", "a~1", "a:b", "*", "a//b", ".a", "a.", "\0"],
)  # fmt: skip
def test_a_ref_is_never_an_option_nor_a_way_out(ref: str) -> None:
    """Nothing that git reads as an option, a range, a path or an expression passes as a ref."""
    with pytest.raises(UsageError) as caught:
        Paint.from_words(["shop", "red", f"--ref={ref}"])
    assert caught.value.field == "ref"


SOUP = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from(
            ["shop", "red", "--ref", "v2", "ref=v2", "--coats", "3", "--dry-run", "--no", "-x", "=",
             "--", "“", "”", "—ref", "<#C1|x>", "<@U1>", "&lt;", "'", '"', "--tags", "a,b", "\0"]
        )
    ).map(" ".join),
)  # fmt: skip


@given(SOUP)
@example("shop red --ref=\u0000")
@example("--=")
@example("=x shop red")
def test_whatever_is_typed_is_a_command_or_one_usage_error(text: str) -> None:
    """There is no text for which parsing ends in anything but a valid command or a UsageError."""
    command, error = _outcome(text)
    if error is None:
        assert command is not None
        assert Paint.model_validate(command.model_dump()) == command
    else:
        assert error.problem
        assert error.usage == f"Usage: {Paint.usage()}"


def _outcome(text: str) -> tuple[Paint | None, UsageError | None]:
    try:
        return Paint.from_words(text), None
    except UsageError as error:
        return None, error


WORD = st.text(alphabet=string.ascii_letters + "09 =-_'\"$\\;.é", min_size=1, max_size=9).map(
    lambda text: text.strip() or "x"
)
PAINTS = st.builds(
    Paint,
    app=st.from_regex(r"\A[a-z][a-z0-9_-]{0,8}\Z"),
    colour=st.sampled_from(Colour),
    second=st.none() | WORD,
    host=st.none() | st.just("web-1.example.com"),
    ref=st.none() | st.sampled_from(["v2", "release/1.2", "deadbeef"]),
    coats=st.integers(-9, 9),
    finish=st.sampled_from(["matt", "gloss"]),
    dry_run=st.booleans(),
    primer=st.booleans(),
    note=st.just("") | WORD,
    tags=st.lists(st.text(alphabet="ab -='", min_size=1).map(lambda t: t.strip() or "x")).map(
        tuple
    ),
)


@given(PAINTS)
@example(Paint(app="shop", colour=Colour.RED, host="web-1"))
@example(Paint(app="shop", colour=Colour.RED, second="ref=v2", note="-x"))
@example(Paint(app="shop", colour=Colour.RED, primer=False, tags=("a", "b c")))
def test_a_title_asks_for_the_same_command_again(command: Paint) -> None:
    """title() can be typed as it stands: what is shown in a post is what would do it again."""
    name, _, words = command.title().partition(" ")
    assert name == "paint"
    assert Paint.from_words(words) == command


def test_a_title_is_short() -> None:
    """What was not said is not shown, and nothing is quoted without need."""
    assert Paint.from_words("shop red").title() == "paint shop red"
    assert Paint.from_words("shop red host=web-1").title() == "paint shop red --host=web-1"
    assert Paint.from_words("shop red --coats 1 --ref v2").title() == "paint shop red --ref v2"


def test_several_words_fill_one_field() -> None:
    """A field for many takes all that is left, by words or by commas."""
    assert Shout.from_words("a b,c d").words == ("a", "b", "c", "d")
    assert Shout.from_words("a b").title() == "shout a b"
    assert Shout.usage() == "/shout WORDS ..."


def test_help_is_made_from_the_definition() -> None:
    """One definition gives usage, summary, help and JSON schema."""
    assert Paint.usage() == (
        "/paint APP red|dark-blue [SECOND] [HOST] [--ref REF] [--coats COATS] "
        "[--finish matt|gloss] [--dry-run] [--primer] [--note NOTE] [--tags TAGS ...]"
    )
    assert Paint.summary() == "Paint a wall."
    text = Paint.help()
    for part in ("Takes its time.", "APP", "what to paint", "--coats", "Example: /paint shop red"):
        assert part in text
    schema = json.loads(json.dumps(Paint.model_json_schema()))
    assert schema["required"] == ["app", "colour"]
    assert [spec.name for spec in fields_of(Paint) if spec.positional] == [
        *("app", "colour", "second", "host")
    ]


def test_a_command_arrives_as_it_was_sent() -> None:
    """Arguments survive the wire, and wrong ones are a UsageError there too."""
    command = Paint.from_words("shop red --tags a,b --coats 2")
    wire = json.loads(json.dumps(command.model_dump(mode="json")))
    assert Paint.from_arguments(wire) == command
    with pytest.raises(UsageError, match="APP"):
        Paint.from_arguments({**wire, "app": "../x"})


def test_the_target_is_read_from_the_fields() -> None:
    """Which servers are meant is said by `environment`, `app` and `host`."""
    assert Paint.from_words("shop red host=web-1").target == Target(None, "shop", "web-1")
    assert Paint.reach is Reach.EACH


def test_commands_are_found_by_name() -> None:
    """A command is asked for by its name, with or without a slash, in whatever case."""
    commands = Commands([Extension(Paint), Extension(Shout)])
    assert commands.parse("/paint shop red") == commands.parse("Paint shop red")
    with pytest.raises(UsageError, match="Did you mean paint\\?"):
        commands.parse("/piant shop")
    with pytest.raises(UsageError, match="No command was given"):
        commands.parse("  ")
    with pytest.raises(ExtensionError, match="paint"):
        Commands([Extension(Paint), Extension(Paint)])


def test_our_own_commands_come_in_by_entry_points() -> None:
    """What Baton ships is found in the way in which extensions of others are."""
    assert {"deploy", "ping", "servers"} <= set(installed())


def _report(host: str, state: State) -> RunReport:
    return RunReport(host, state)


def test_an_outcome_counts_what_is_done_and_what_went_wrong() -> None:
    """`3 of 4 done: 1 failed, 1 lost`: open runs are not done, succeeded ones are not named; once
    all are done it says how many succeeded."""
    runs = [
        _report("a", State.SUCCEEDED),
        _report("b", State.FAILED),
        _report("c", State.LOST),
        _report("d", State.RUNNING),
    ]
    assert counted(runs).summary == "3 of 4 done: 1 failed, 1 lost"
    assert counted(runs[:1]).summary == "1 of 1 done"
    assert counted(runs[:3]).summary == "1 of 3 succeeded, 1 failed, 1 lost"
    assert counted(runs[1:2] * 3).summary == "3 of 3 failed"
    assert counted(runs[1:3]).summary == "0 of 2 succeeded, 1 failed, 1 lost"


def test_long_lists_of_hosts_are_cut() -> None:
    """Ten names at most, and how many more."""
    hosts = [f"web-{number}" for number in range(12)]
    assert named(hosts).endswith("web-9 and 2 more")
    assert named(hosts[:2]) == "web-0, web-1"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"), (0.44, "0.4 s"), (9.96, "10 s"), (12.4, "12 s"), (59.6, "1 min"),
        (200, "3 min 20 s"), (3600, "1 h"), (7500, "2 h 5 min"), (3599.7, "1 h"),
        (273600, "3 d 4 h"),
    ],
)  # fmt: skip
def test_durations_read_well(seconds: float, text: str) -> None:
    """Two units at most, the largest first."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    "extension", [*installed().values(), *ANSWERED_HERE], ids=lambda one: one.command.name
)
def test_help_is_wrapped_by_who_shows_it(extension: Extension) -> None:
    """A paragraph of a docstring is one line of the help; a table stays as it is."""
    for before, line in pairwise(extension.command.help().split("\n")):
        assert not (before and line and before[0] != " " != line[0] and "  " not in before + line)
    if extension is ALERTS:
        assert "\n/alerts forget ALERT " in extension.command.help()


@pytest.mark.parametrize("text", ["1" * 4000 + "!", "1m" * 2000 + "!", "1." * 2000, "9" * 4000])
def test_lengths_of_time_are_read_in_linear_time(text: str) -> None:
    """No word can be taken apart in so many ways that reading it stops the bot."""
    quickly(lambda: leading([text, "m"]), BatonError)


@pytest.mark.parametrize(
    ("size", "says"),
    [(0, "0 B"), (999, "999 B"), (1_400, "1.4 KB"), (3_000_000, "3.0 MB"), (5 * 10**12, "5.0 TB")],
)
def test_sizes_read_as_people_write_them(size: int, says: str) -> None:
    assert size_of(size) == says
