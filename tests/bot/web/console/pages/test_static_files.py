"""What browsers load: small, kept for a year, and never something else than what was asked for."""

from __future__ import annotations

import gzip
import re
import subprocess
from pathlib import Path

import pytest

from bot.web.console.pages.rendering import TEMPLATES
from bot.web.console.pages.static_files import FOLDER, StaticFiles
from tests.bot.web.console.conftest import Console

MAX_ALL = 100_000
"""Bytes, compressed, of everything that the pages load."""


async def test_a_file_is_kept_as_long_as_its_content_stays(console: Console) -> None:
    """Its address names its content. Under another address browsers ask whether it has changed."""
    address = StaticFiles().address("console.css")
    answer = await console.client.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.text == (FOLDER / "console.css").read_text()
    older = await console.client.get("/static/console.css?v=older")
    assert older.headers["cache-control"] == "no-cache"
    tag = {"If-None-Match": older.headers["etag"]}
    again = await console.client.get("/static/console.css", headers=tag)
    assert (again.status_code, again.content) == (304, b"")


async def test_who_takes_no_gzip_gets_it_plain(console: Console) -> None:
    """And proxies know that there are two."""
    plain = await console.client.get("/static/app.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == "Accept-Encoding"
    assert plain.content == (FOLDER / "app.js").read_bytes()


@pytest.mark.parametrize("name", ["unknown.js", "README.md", "..%2fparts.py", "%2e%2e/parts.py"])
async def test_nothing_else_is_sent(console: Console, name: str) -> None:
    """No path leads out of the folder."""
    answer = await console.client.get(f"/static/{name}")
    assert answer.status_code == 404


def test_everything_together_is_small() -> None:
    """A phone in a tunnel loads it too."""
    sizes = {name: len(one.compressed) for name, one in StaticFiles().files.items()}
    assert sum(sizes.values()) < MAX_ALL, sizes
    assert all(gzip.decompress(one.compressed) for one in StaticFiles().files.values())


def test_the_licence_of_htmx_is_beside_it() -> None:
    """With the version that is vendored."""
    assert "Zero-Clause BSD" in (FOLDER / "htmx.LICENSE.txt").read_text()
    version = re.search(r'version="(.+?)"', (FOLDER / "htmx.min.js").read_text())
    assert version is not None
    assert f"htmx {version[1]}" in (FOLDER / "README.md").read_text()


@pytest.mark.parametrize("template", sorted(TEMPLATES.glob("*.html")), ids=lambda path: path.name)
def test_templates_hold_to_the_content_security_policy(template: Path) -> None:
    """No inline script, style or handler, nothing that htmx would evaluate, and nothing that is
    printed without being escaped."""
    text = template.read_text()
    for what in (r"<script(?![^>]*\ssrc=)", r"<style", r"\sstyle=", r"\son\w+=", r"hx-on", r"js:"):
        assert not re.search(what, text), what
    assert not re.search(r'hx-trigger="[^"]*\[', text)
    assert not re.search(r"\|\s*safe\b|autoescape\s+false", text)


@pytest.mark.parametrize("script", sorted(FOLDER.glob("*.js")), ids=lambda path: path.name)
def test_our_scripts_read_no_text_as_html(script: Path) -> None:
    """What servers and people wrote becomes text nodes."""
    if script.name != "htmx.min.js":
        text = script.read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)


def test_templates_and_files_are_in_the_wheel() -> None:
    """hatchling takes everything in the package `bot` but what git ignores."""
    files = [str(path) for folder in (FOLDER, TEMPLATES) for path in folder.iterdir()]
    ignored = subprocess.run(
        ["git", "check-ignore", *files], cwd=FOLDER, capture_output=True, text=True
    )
    assert ignored.stdout == ""
