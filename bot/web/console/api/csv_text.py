"""Tables as CSV that a spreadsheet shows and does not calculate. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = frozenset("=+-@|%＝＋－＠")


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Return `rows` as CSV (RFC 4180). A cell that a spreadsheet would take for a formula begins
    with an apostrophe: titles and names are written by others."""
    text = io.StringIO()
    csv.writer(text).writerows([_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


def _cell(text: str) -> str:
    bare = text.lstrip()
    begins = text[:1] in ("\t", "\r", "\n") or bare[:1] in _FORMULA if bare else False
    return f"'{text}" if begins else text
