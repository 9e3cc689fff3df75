"""What an agent lets probes reach."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from baton.agent.address_patterns import matches
from baton.agent.settings import ProbesTable


@pytest.mark.parametrize(
    "text",
    ["", "*", "db-1", "db-1:0", "db-1:99999", "ftp://x", "https://", "db-1:5432/x", "http://a b"],
)
def test_a_pattern_that_is_none(text: str) -> None:
    """Is refused when the agent starts, with what it must be."""
    with pytest.raises(ValidationError, match="a pattern such as"):
        ProbesTable(allow=(text,))


@given(st.text("ab*", max_size=12), st.text("ab", max_size=200))
def test_wildcards_are_what_they_are_elsewhere(pattern: str, text: str) -> None:
    """As the shell has them, in time that grows with the text alone."""
    assert matches(pattern, text) == fnmatchcase(text, pattern)
