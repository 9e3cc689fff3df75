"""Text is found in any case of its letters, the same in both databases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.store.database import text_search
from bot.store.database.text_search import count_lines, folded, holds

texts = st.text(st.sampled_from("aAbB ßẞäÄKKİiı\x1b[3m\n.Σσς]\x07\x9b"), max_size=30)


@given(st.text())
def test_folding_keeps_each_character_in_its_place(text: str) -> None:
    """What is found in folded text is at the same place in the text; and nothing becomes an ASCII
    letter that is none, which the database would not find."""
    assert len(folded(text)) == len(text)
    for one, other in zip(text, folded(text), strict=True):
        assert one.isascii() == other.isascii()
    assert folded(folded(text)) == folded(text) or not text.isascii()


def test_what_it_learns_is_bounded() -> None:
    """Whoever writes every character there is takes no memory for ever."""
    everything = "".join(map(chr, range(128, 0xD800)))
    assert len(folded(everything)) == len(everything)
    assert len(text_search._FOLDS) <= 20_000


@given(texts, st.text(st.sampled_from("abäi[3"), min_size=1, max_size=3))
def test_lines_are_counted_as_they_are_found(text: str, words: str) -> None:
    """All at once or one by one, with escape sequences that end and that do not."""
    assert count_lines(text, words) == sum(holds(line, words) for line in text.split("\n"))


@pytest.mark.parametrize("often", [(True, False), (False, True), (True, True)])
def test_a_long_text_is_counted_however_its_lines_are_mixed(often: tuple[bool, bool]) -> None:
    """Its beginning decides how it is counted, and not what comes of it."""
    lines = []
    for half in often:
        lines += [
            f"{'Hit hit' if half or not number % 50 else 'miss'} ..." for number in range(5_000)
        ]
    text = "\n".join(lines)
    expected = sum("Hit" in line for line in lines)
    assert count_lines(text, "hit") == expected
    assert count_lines(text.replace("Hit", "\x1b[1mH\x1b[0mit"), "hit") == expected


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ERROR: disk full", "error"),
        ("Überlauf", "überLAUF"),
        ("\x1b[31mer\x1b[1mror\x1b[0m", "error"),
        ("Привет", "привет"),
    ],
)
def test_found(line: str, words: str) -> None:
    """Upper and lower case are the same, and colours are not there."""
    assert holds(line, folded(words))
