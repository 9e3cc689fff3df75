"""Slices hold all output once, and none of them holds much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.store.output import log_slices
from bot.store.output.log_slices import LogPosition, RunOutput, Slice, slices

runs = st.dictionaries(
    st.tuples(st.sampled_from(["a", "b", "c", "d", "e"]), st.integers(1, 3)),
    st.tuples(st.integers(1, 60), st.integers(0, 90)),
)


def characters(part: Slice, outputs: list[RunOutput]) -> list[tuple[str, int, int]]:
    if part.attempt is not None:
        return [(part.first, part.attempt, at) for at in range(part.after + 1, part.upto + 1)]
    inside = [one for one in outputs if part.first <= one.host <= part.last]
    return [(one.host, one.attempt, at) for one in inside for at in range(1, one.size + 1)]


@given(runs, st.data())
def test_slices_hold_everything_once_and_in_order(
    sizes: dict[tuple[str, int], tuple[int, int]], data: st.DataObject
) -> None:
    """From the beginning, and from each position on."""
    outputs = [
        RunOutput(host, attempt, min(lines, size), size)
        for (host, attempt), (lines, size) in sorted(sizes.items())
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_slices, "SLICE_CHARACTERS", 25)
        patch.setattr(log_slices, "SLICE_LINES", 20)
        parts = list(slices(outputs))
        found = [one for part in parts for one in characters(part, outputs)]
        assert found == [
            (one.host, one.attempt, at) for one in outputs for at in range(1, one.size + 1)
        ]
        assert all(len(characters(part, outputs)) <= 25 for part in parts)
        if found:
            host, attempt, at = data.draw(st.sampled_from(found))
            rest = slices(outputs, LogPosition(host, attempt, at, 0))
            assert [one for part in rest for one in characters(part, outputs)] == found[
                found.index((host, attempt, at)) :
            ]
        for part in parts:
            assert next(iter(slices(outputs, part.begin))).begin.host == part.first


@given(st.builds(LogPosition, st.text(min_size=1), *[st.integers(0, 2**63 - 1)] * 3))
def test_a_position_is_read_as_it_was_written(position: LogPosition) -> None:
    """Whatever the server is called."""
    assert LogPosition.parse(str(position)) == position


@pytest.mark.parametrize(
    "text", ["1.2.3.", "1.2.3", "x.1.1.web", "-1.1.1.web", f"1.{2**63}.1.w", "²"]
)
def test_what_is_no_position(text: str) -> None:
    """Is refused, and not read as another."""
    with pytest.raises(ValueError, match=r".*"):
        LogPosition.parse(text)
