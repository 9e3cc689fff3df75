"""`python -m tests.support.reference docs/reference` writes the pages."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.reference.pages import pages

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text)
