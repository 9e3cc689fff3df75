"""What `baton doctor` says."""

from __future__ import annotations

from pathlib import Path

from bot.doctor import examine


async def told(file: Path | None = None, **environ: str) -> tuple[int, str]:
    lines: list[str] = []
    code = await examine(file, environ, lines.append, lambda: ["jobs"])
    return code, "\n".join(lines)


def line_of(text: str, what: str) -> str:
    return next(line for line in text.splitlines() if line[6:].startswith(what))
