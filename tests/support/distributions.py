"""Distributions of others, installed for one test."""

from __future__ import annotations

from pathlib import Path


def distribution(
    folder: Path, name: str, version: str, *points: str, group: str = "baton.commands"
) -> None:
    """A distribution that is installed in `folder`, as pip leaves it."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *points, ""]))
