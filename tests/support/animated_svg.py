"""What a terminal showed, drawn as one SVG that moves by itself. Pure.

All frames lie side by side, and a style moves the one whose time it is before the window: nothing
is needed that GitHub would not show in a README. A row that is the same in several frames is drawn
once and used by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

COLUMN, ROW, MARGIN, BAR = 8.4, 19, 16, 34
"""Pixels: of a character, of a row, around the screen, and of the bar above it."""
STYLE = """\
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  white-space: pre; fill: #d7dae0 }
.bold { font-weight: 700 } .brightblack { fill: #8b93a1 } .cyan { fill: #56c7d8 }
.green { fill: #6cc77b } .red { fill: #f2777a } .yellow { fill: #e5c07b } .blue { fill: #6cb0f5 }
.magenta { fill: #d08be0 } .cursor { fill: #d7dae0; opacity: .7 }"""
"""On a dark window of its own it can be read on a light page and on a dark one."""


@dataclass(frozen=True, slots=True)
class Span:
    """Some characters of a row that look the same. `look` are classes of the style."""

    column: int
    text: str
    look: str


Row = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """A screen at a moment, in seconds. `cursor` is its column and row, None while it is hidden."""

    at: float
    rows: tuple[Row, ...]
    cursor: tuple[int, int] | None


def without_waits(frames: Sequence[Frame], longest: float) -> list[Frame]:
    """Return `frames`, none of which is shown for more than `longest` seconds."""
    found: list[Frame] = []
    at = last = frames[0].at
    for frame in frames:
        at += min(frame.at - last, longest)
        last = frame.at
        found.append(Frame(at, frame.rows, frame.cursor))
    return found


def drawn(frames: Sequence[Frame], size: tuple[int, int], title: str, rest: float) -> str:
    """Return the SVG of a terminal of `size`, rows and columns. The last frame is shown for `rest`
    seconds; then it begins again. Who wants no motion sees the last frame."""
    width = round(size[1] * COLUMN) + 2 * MARGIN
    height = size[0] * ROW + MARGIN + BAR
    names: dict[Row, str] = {}
    strip = "".join(_frame(frame, at * width, names) for at, frame in enumerate(frames))
    whole = frames[-1].at - frames[0].at + rest
    steps = "".join(
        f"{100 * (frame.at - frames[0].at) / whole:.3f}%{{transform:translateX({-at * width}px)}}"
        for at, frame in enumerate(frames)
    )
    last = f"transform:translateX({-(len(frames) - 1) * width}px)"
    moves = f"animation:play {whole:.2f}s step-end infinite;{last}"
    dots = "".join(
        f'<circle cx="{20 + 18 * at}" cy="{BAR // 2}" r="5.5" fill="#{colour}"/>'
        for at, colour in enumerate(("f2777a", "e5c07b", "6cc77b"))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>'
        f"<style>{STYLE}\n@keyframes play{{{steps}}}\n#strip{{{moves}}}\n"
        f"@media (prefers-reduced-motion:reduce){{#strip{{animation:none}}}}</style>"
        f'<rect width="{width}" height="{height}" rx="10" fill="#191b20"/>{dots}'
        f"<defs>{_rows(names)}</defs>"
        f'<svg x="0" y="{BAR}" width="{width}" height="{height - BAR}"><g id="strip">{strip}</g>'
        "</svg></svg>\n"
    )


def _frame(frame: Frame, x: int, names: dict[Row, str]) -> str:
    used = "".join(
        f'<use href="#{names.setdefault(row, f"r{len(names)}")}" x="{x}" y="{at * ROW}"/>'
        for at, row in enumerate(frame.rows)
        if row
    )
    if frame.cursor is None:
        return used
    left, top = x + MARGIN + frame.cursor[0] * COLUMN, frame.cursor[1] * ROW
    cursor = f'<rect class="cursor" x="{left:g}" y="{top}" width="{COLUMN}" height="{ROW}"/>'
    return f"{used}{cursor}"


def _rows(names: dict[Row, str]) -> str:
    return "".join(f'<g id="{name}">{_spans(row)}</g>' for row, name in names.items())


def _spans(row: Iterable[Span]) -> str:
    return "".join(
        f'<text x="{MARGIN + span.column * COLUMN:g}" y="14.5" '
        f'textLength="{len(span.text) * COLUMN:g}" lengthAdjust="spacingAndGlyphs"'
        f"{f' class={chr(34)}{span.look}{chr(34)}' if span.look else ''}>{escape(span.text)}</text>"
        for span in row
    )
