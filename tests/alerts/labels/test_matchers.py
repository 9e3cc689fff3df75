"""Matchers, as in Alertmanager."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alerts.labels import Labels
from alerts.labels.matchers import Matchers
from baton.errors import UsageError
from tests.alerts.harness import thing


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("host=web-1", True),
        ("host=web", False),
        ('host=~"web-.*" env="prod"', True),
        ('host=~"web"', False),  # anchored
        ('host!~"web.*"', False),
        ("app=", True),  # a missing label has the empty value
        ("app!=shop", True),
        ('app=~".+"', False),
        ('{alertname="http", severity=critical}', True),
        ("severity=warning", False),
        ("", True),
    ],
)
def test_matchers(text: str, matches: bool) -> None:
    """Matchers match what they match in Alertmanager."""
    assert Matchers.parse(text).matches(thing(), "critical") is matches


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("env>prod", "env>prod"),
        ("env=prod host", "host"),
        ('host=~"("', "host=~("),
        ('host="web', 'host="web'),
        (r'host=~"(a)\\1"', "invalid escape sequence"),
        ('host=~"(?=a)"', "invalid perl operator"),
        ('host=~"(.{100}){100}"', "repetition size"),
        ('host=~"(.{1,100}){1,10}"', "too large"),
        (f'host=~"{"a" * 4097}"', "longer than 4096 bytes"),
        (f'host="{"a" * 9000}"', "at most 8192 characters"),
        ("a==b", "a==b"),
        ("a=b,c", "Invalid matcher “c”"),
        ("1a=b", "Invalid label name “1a”"),
    ],
)
def test_matchers_that_are_none(text: str, part: str) -> None:
    """An error names the invalid part; what could take too long is refused."""
    with pytest.raises(UsageError) as caught:
        Matchers.parse(text)
    assert part in str(caught.value)


@given(st.dictionaries(st.sampled_from("abc"), st.text(max_size=20), min_size=1))
def test_matchers_are_read_back_as_written(values: dict[str, str]) -> None:
    text = " ".join(
        '{}="{}"'.format(name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
        for name, value in values.items()
    )
    matchers = Matchers.parse(text)
    assert matchers.matches(Labels.of(values))
    assert Matchers.parse(str(matchers)) == matchers


def test_what_matches_everything() -> None:
    for text in ("", 'a=~".*"', "a!=x", "a="):
        assert Matchers.parse(text).matches_everything
    assert not Matchers.parse("a!=x b=y").matches_everything


@given(st.text(max_size=200))
def test_any_text_gives_matchers_or_the_declared_error(text: str) -> None:
    try:
        matchers = Matchers.parse(text)
    except UsageError:
        return
    assert Matchers.parse(str(matchers)) == matchers


@given(st.text(alphabet="ab=~!,\"'\\ \t{}|.*", max_size=60))
@example("env=prod\t,")
@example("{" + "1" * 4000)
@example("a={" + "1" * 4000)
def test_nor_does_any_mixture_of_signs(text: str) -> None:
    test_any_text_gives_matchers_or_the_declared_error.hypothesis.inner_test(text)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text",
    [
        'alertname="CpuHigh",instance="web-1:9100"',  # as Alertmanager prints it
        'alertname="CpuHigh", instance="web-1:9100"',
        '{alertname="CpuHigh",instance="web-1:9100",}',
        "alertname=CpuHigh,instance=web-1:9100",
        "alertname=CpuHigh instance=web-1:9100,",
        "\talertname = CpuHigh ,\n instance = 'web-1:9100'",
        "'alertname=CpuHigh' \"instance=web-1:9100\"",
        '"alertname"="CpuHigh" "instance"="web-1:9100"',
        'alertname="\\u0043puHigh" instance="web\\x2d1:9100"',
    ],
)
def test_many_ways_to_write_the_same(text: str) -> None:
    """Spaces or commas outside of quotes; quotes as in Alertmanager, or as in a shell."""
    assert str(Matchers.parse(text)) == "alertname=CpuHigh instance=web-1:9100"


def test_commas_within_quotes_and_repetitions_belong_to_the_value() -> None:
    assert Matchers.parse('note="a,b", host=x').matches(Labels.of(note="a,b", host="x"))
    assert Matchers.parse("host=~web-.{1,3}").matches(Labels.of(host="web-12"))
    assert not Matchers.parse("instance!=web-2, env=prod").matches(
        Labels.of(instance="web-2", env="prod")
    )


def test_a_severity_matches_as_it_is_shown_and_as_it_was_pushed() -> None:
    """`page` is shown as critical: both words match it, and no other does."""
    labels = Labels.of(alertname="x", severity="page")
    for text in (
        "severity=critical",
        "severity=page",
        "severity!=warning",
        "severity!~warning|info",
    ):
        assert Matchers.parse(text).matches(labels, "critical"), text
    for text in ("severity!=critical", "severity!=page", "severity=warning"):
        assert not Matchers.parse(text).matches(labels, "critical"), text
    assert Matchers.parse("severity=info").matches(Labels.of(alertname="x"), "info")


def test_names_of_others_are_matched_as_they_are_spelled_here() -> None:
    from alerts import Matchers
    from alerts.labels import sanitize

    labels = Labels.of(sanitize({"service.name": "shop"}))
    for text in ("service.name=shop", '"service.name"="shop"', "service_name=shop"):
        assert Matchers.parse(text).matches(labels)
