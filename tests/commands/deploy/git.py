"""Git as a test uses it, and what a release holds."""

from __future__ import annotations

import subprocess
from pathlib import Path


def live_version(shop: Path) -> str:
    return (shop / "current" / "version").read_text().strip()


def git(*words: str) -> None:
    subprocess.run(["git", *words], check=True, capture_output=True)


def user_git(*words: str) -> None:
    git("config", "--global", *words)
