"""CSV that a spreadsheet shows and does not calculate."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.web.console.api.csv_text import csv_text

cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.lists(st.lists(cells, min_size=1, max_size=4), min_size=1))
def test_what_is_written_is_read(rows: list[list[str]]) -> None:
    """Whatever stands in a cell, but for the apostrophe; and no cell begins a formula."""
    read = list(csv.reader(io.StringIO(csv_text(rows), newline="")))
    assert [[cell.removeprefix("'") for cell in row] for row in read] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]
    assert not [cell for row in read for cell in row if cell.strip()[:1] in set("=+-@＝＋－＠")]


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@A1", " =1", "\t=1", "\r\n=1", "＝1", "\tx"])
def test_a_formula(cell: str) -> None:
    """Begins with an apostrophe."""
    assert next(csv.reader(io.StringIO(csv_text([[cell]]), newline="")))[0] == f"'{cell}"
