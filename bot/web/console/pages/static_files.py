"""The files that browsers load: read once, compressed once, and kept by browsers for a year."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, Request, Response

from bot.web.console.errors import NotFound

FOLDER = Path(__file__).resolve().parent.parent / "static"
YEAR = 31_536_000
"""Seconds for which a browser keeps a file whose address names its content."""
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file, as it is sent. `digest` names its content."""

    content: bytes
    compressed: bytes
    type: str
    digest: str


class StaticFiles:
    """The files in `folder`, by name. Nothing else can be asked for: no path is opened later."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.files: Mapping[str, StaticFile] = {
            path.name: _read(path) for path in sorted(folder.iterdir()) if path.suffix in _TYPES
        }

    def address(self, name: str) -> str:
        """Return the address of the file `name`, which changes with its content."""
        return f"/static/{name}?v={self.files[name].digest}"

    def routes(self) -> APIRouter:
        """Return the route that sends the files."""
        routes = APIRouter(include_in_schema=False)
        routes.add_api_route("/static/{name}", self._send, methods=["GET", "HEAD"])
        return routes

    async def _send(self, request: Request, name: str) -> Response:
        found = self.files.get(name)
        if found is None:
            raise NotFound(detail="There is no such file.")
        tag = f'"{found.digest}"'
        current = request.query_params.get("v") == found.digest
        headers = {
            "ETag": tag,
            "Vary": "Accept-Encoding",
            "Cache-Control": f"public, max-age={YEAR}, immutable" if current else "no-cache",
        }
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        content = found.content
        if "gzip" in request.headers.get("accept-encoding", ""):
            content, headers["Content-Encoding"] = found.compressed, "gzip"
        headers["Content-Type"] = found.type
        return Response(content, headers=headers)


def _read(path: Path) -> StaticFile:
    content = path.read_bytes()
    return StaticFile(
        content,
        gzip.compress(content, 9, mtime=0),
        _TYPES[path.suffix],
        sha256(content).hexdigest()[:16],
    )
