"""The template: a package that works, in which names are replaced. It is checked as all code is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from baton.scaffold.answers import Answers

_PACKAGED = Path(__file__).parent / "template"
_CHECKOUT = Path(__file__).parents[2] / "examples" / "package"

Files = Mapping[str, bytes]
"""The content of each file by its path, `src/acme/command.py`."""


def render(answers: Answers, folder: Path | None = None) -> Files:
    """Return the files of a new package, from the template in `folder`: by default Baton's own."""
    words = answers.replacements()
    found = {}
    root = folder or (_PACKAGED if _PACKAGED.is_dir() else _CHECKOUT)
    for path in _paths(root):
        text = (root / path).read_text("utf-8")
        name = "/".join(_RENAMED.get(part, part) for part in path.parts)
        found[_replaced(name, words)] = _replaced(text, words).encode()
    return dict(sorted(found.items()))


_RENAMED = {"gitignore": ".gitignore", "github": ".github"}
"""Names that the template has without a dot, so that no tool reads them in Baton's own folder."""


def _paths(root: Path) -> Iterator[Path]:
    """Yield each file of the template; caches that tools left there are none."""
    for file in sorted(root.rglob("*")):
        path = file.relative_to(root)
        if file.is_file() and not any(
            part == "__pycache__" or part.startswith(".") for part in path.parts
        ):
            yield path


def _replaced(text: str, words: Mapping[str, str]) -> str:
    for word, instead in words.items():
        text = text.replace(word, instead)
    return text
