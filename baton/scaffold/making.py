"""Writes a new package: all of it, or nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

from baton.errors import BatonError
from baton.scaffold.answers import Answers
from baton.scaffold.record import NAME, Record
from baton.scaffold.template import Files, render
from baton.version import DISTRIBUTION, baton_version

LOCAL = "local.mk"
"""The file that says where Baton is on this machine. It is not in git."""


class FolderTaken(BatonError):
    """Nothing was written: {folder} {reason}. Name another folder: baton new {name} FOLDER"""

    permanent = True


class NotWritten(BatonError):
    """Nothing was written: {folder} cannot be made ({reason})."""

    permanent = True


def make(answers: Answers, folder: Path, *, source: str, git: bool) -> Record:
    """Write the package that `answers` describe into `folder`, which is new or empty.

    `source` is from where pip gets Baton here; empty if an index has it. With `git` it is a
    repository with everything added, unless it is in one already. Raises FolderTaken and
    NotWritten.
    """
    if folder.is_symlink() or folder.exists():
        if not folder.is_dir():
            raise FolderTaken(folder=folder, reason="is a file", name=answers.name)
        if any(folder.iterdir()):
            raise FolderTaken(folder=folder, reason="is not empty", name=answers.name)
    record = Record(baton_version(), answers, render(answers))
    whole = folder.resolve()
    half: Path | None = None
    try:
        whole.parent.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix=f".{whole.name}-", dir=whole.parent))
        write_files(half, record.files)
        (half / NAME).write_text(record.text())
        if source:
            (half / LOCAL).write_text(f"BATON = {source.replace('$', '$$')}\n")
        if git:
            _add_to_git(half)
        half.chmod(0o777 & ~_umask())
        half.replace(whole)
    except OSError as error:
        raise NotWritten(folder=folder, reason=error.strerror or str(error)) from error
    finally:
        if half is not None:
            shutil.rmtree(half, ignore_errors=True)
    return record


def write_files(folder: Path, files: Files) -> None:
    """Write `files` below `folder`."""
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def source_of_baton() -> str:
    """Return from where pip installed Baton: a folder, a wheel or a URL. Empty if from an index."""
    try:
        found = json.loads(distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return ""
    url = str(found.get("url", ""))
    if "vcs_info" in found:
        return f"git+{url}@{found['vcs_info'].get('commit_id', '')}"
    if url.startswith("file:"):
        path = Path(unquote(urlsplit(url).path))
        return str(path) if path.exists() else ""
    return url


def _add_to_git(folder: Path) -> None:
    """Make `folder` a repository, unless it is in one already. Raises NotWritten if there is no
    git."""
    for words in (["rev-parse", "--git-dir"], ["init", "-q", "-b", "main"], ["add", "."]):
        asks = words[0] == "rev-parse"
        try:
            done = subprocess.run(
                ["git", *words], cwd=folder, check=not asks, capture_output=True, timeout=60
            )
            if asks and done.returncode == 0:
                return
        except FileNotFoundError:
            raise NotWritten(
                folder=folder, reason="git was not found: install it, or use --no-git"
            ) from None
        except subprocess.CalledProcessError as error:
            reason = f"git {words[0]} failed: {error.stderr.decode(errors='replace').strip()}"
            raise NotWritten(folder=folder, reason=reason) from None
        except subprocess.TimeoutExpired:
            raise NotWritten(folder=folder, reason=f"git {words[0]} took too long") from None


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
