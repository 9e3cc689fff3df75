"""What a deploy would do on this server is found out here, without a change.

The repository is asked for the commit of the ref; an archive, for its checksum. What is live, and
the app's settings, are read.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from baton.bus.plans import SurveyFacts
from baton.errors import Failed
from baton.process.output_lines import Secrets
from baton.process.program import Ended, Program, execute
from commands.deploy.address import address
from commands.deploy.archive import listed_checksum
from commands.deploy.refs import SHA256, candidates
from commands.deploy.releases import Releases
from commands.deploy.settings import AppSettings
from commands.deploy.source import DEFAULT, NoSuchRef

TIMEOUT = 15.0
"""Seconds that a repository may take to list its refs."""

_WHOLE = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PEELED = "^{}"


def settings_digest(settings: AppSettings) -> str:
    """Return the digest of the settings of an app. Values of variables, which may be secrets, and
    passwords in addresses are left out: a digest could be guessed at."""
    values: dict[str, Any] = settings.model_dump(mode="json")
    if settings.repository is not None:
        values["repository"] = address(settings.repository).url
    if settings.archive is not None:
        for name in ("url", "checksum_url"):
            given = values["archive"][name]
            values["archive"][name] = address(given).url if given else given
    if settings.health is not None and settings.health.url:
        values["health"]["url"] = address(settings.health.url).url
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return SHA256 + hashlib.sha256(text.encode()).hexdigest()


class DeploySurvey:
    """The survey of one deploy of `app` in `environment` on `host`."""

    def __init__(self, settings: AppSettings, values: dict[str, str]) -> None:
        self._settings = settings
        self._values = values
        self._env = settings.variables(os.environ)
        known = set(values.values())
        self._secrets = Secrets(settings.masked(self._env, known, os.path.exists))

    async def facts(self, ref: str) -> SurveyFacts:
        """Return what a deploy of `ref` would do. What it would fail by is its `problem`."""
        release, live = await asyncio.to_thread(_live, Releases(self._settings.path))
        commit, problem = "", ""
        try:
            commit = await self._commit(ref)
        except (NoSuchRef, Failed, OSError) as error:
            problem = self._secrets.mask(str(error))
        return SurveyFacts(
            commit=commit,
            live=label(release, live),
            commits=await self._between(live, commit),
            settings=settings_digest(self._settings),
            irreversible=tuple(step.label for step in self._settings.steps if step.irreversible),
            problem=problem,
        )

    async def _commit(self, ref: str) -> str:
        """Return the commit of `ref`, or the checksum of its archive; empty if a program of the
        settings fetches it, which nobody can ask. Raises NoSuchRef and Failed."""
        if self._settings.archive is not None:
            wanted = await listed_checksum(self._settings.archive, {**self._values, "ref": ref})
            return SHA256 + wanted
        if self._settings.repository is None:
            return ""
        return await self._of_git(self._settings.repository, ref)

    async def _of_git(self, repository: str, ref: str) -> str:
        if _WHOLE.fullmatch(ref.lower()):  # it may be the id of a tag, which is no commit
            return await self._abbreviated(ref.lower()) or ref.lower()
        where = address(repository)
        names = [one.name for one in candidates(ref) if not one.sha]
        patterns = ["HEAD"] if ref == DEFAULT else [*names, *(f"{one}{_PEELED}" for one in names)]
        ended, lines = await self._git("ls-remote", "--", where.url, *patterns)
        if not ended.well:
            wrong = [line for line in lines if line.startswith(("fatal: ", "error: "))]
            raise Failed(f"git: {wrong[0] if wrong else ended}")
        listed = {name: sha for sha, tab, name in (line.partition("\t") for line in lines) if tab}
        # a tag with a message is an object of its own: what it points to is its peeled name
        found = {listed.get(f"{one}{_PEELED}", listed.get(one, "")) for one in names} - {""}
        if ref == DEFAULT:
            found = {listed["HEAD"]} if "HEAD" in listed else set()
        if len(found) > 1:
            raise NoSuchRef(f"{ref} is both a tag and a branch, of different commits")
        if found:
            return found.pop()
        commit = await self._abbreviated(ref)
        if not commit:
            raise NoSuchRef(f"there is no branch or tag {ref} in {where.url}")
        return commit

    async def _abbreviated(self, ref: str) -> str:
        """Return the commit that begins with `ref`, if an earlier deploy has fetched it."""
        if not any(one.sha for one in candidates(ref)) or not self._mirror.is_dir():
            return ""
        words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        ended, lines = await self._git(f"--git-dir={self._mirror}", *words)
        commit = lines[-1].strip() if ended.well and lines else ""
        return commit if _WHOLE.fullmatch(commit) else ""

    async def _between(self, live: str, commit: str) -> int | None:
        """Return how many commits `commit` has that `live` has not; None if an earlier deploy has
        not fetched both."""
        if not (_WHOLE.fullmatch(live) and _WHOLE.fullmatch(commit) and self._mirror.is_dir()):
            return None
        words = ("rev-list", "--count", "--end-of-options", f"{live}..{commit}")
        try:
            ended, lines = await self._git(f"--git-dir={self._mirror}", *words)
        except (Failed, OSError):
            return None
        return int(lines[-1]) if ended.well and lines and lines[-1].strip().isdigit() else None

    @property
    def _mirror(self) -> Path:
        return self._settings.path / "repo"

    async def _git(self, *words: str) -> tuple[Ended, Sequence[str]]:
        said: list[str] = []
        where = address(self._settings.repository or "")
        env = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8", **where.variables(self._env)}
        folder = self._settings.path
        while not folder.is_dir():  # before the first deploy there is none
            folder = folder.parent
        program = Program(
            ("git", *words),
            folder,
            env={**self._env, **env},
            timeout=TIMEOUT,
            secrets=self._secrets,
            whole_lines=True,
        )
        ended = await execute(program, said.append)
        return ended, "\n".join(said).splitlines()


def _live(releases: Releases) -> tuple[str, str]:
    release = releases.current() or ""
    return release, releases.commit_of(release) if release else ""


def label(release: str, commit: str) -> str:
    """Return what people call a release, such as `main (1a2b3c4d)`: without the time in its name,
    which differs from server to server, if its commit says which one it is."""
    if not commit:
        return release
    ref = release.partition("-")[2]
    return f"{ref} ({commit[:8]})" if ref and ref != DEFAULT else commit[:8]
