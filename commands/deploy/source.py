"""A release is made from a ref of a git repository, without its history.

A bare mirror in `repo/` is kept up to date and each release is written from it with an index of its
own, so that filters (line ends, large files) apply as in a clone and no `.git` is in what is
served. Submodules are not fetched. The mirror is a cache: one that is damaged is made again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import time
from pathlib import Path

from baton.errors import Failed
from baton.outcome import named
from baton.process.program import Ended
from baton.text.words import did_you_mean
from commands.deploy.address import address
from commands.deploy.refs import Candidate, candidates
from commands.deploy.steps import Steps

STEP = "fetch"
DEFAULT = "HEAD"
"""The ref that stands for the branch that the repository itself calls its default."""

_REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_DETACHED = "refs/baton/HEAD"
"""Where the mirror keeps what the repository's own HEAD points to, if that is no branch."""
# quiet: the branches and tags that git would list say nothing of what is deployed
_FETCH = ("fetch", "--quiet", "--prune", "--force", "--no-write-fetch-head", "--no-auto-gc")
UNUSED = 14 * 24 * 3600.0
"""Seconds for which a large file is kept that no release was made of: as long as git keeps what
nothing names (gc.pruneExpire). If it is wanted again it is fetched again."""
_COMMIT = re.compile(r"[0-9a-f]{40,64}")

_ASK_NOBODY = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
"""Git's question for a password is a failure here: nobody is there to answer. (ssh has no terminal
to ask on, and is left as the user configured it.) Its messages are in the language of the rest."""


class NoSuchRef(Exception):
    """The repository was read, and has nothing of that name, or too much."""


class GitMirror:
    """A mirror is the bare copy of an app's repository on this server."""

    def __init__(self, folder: Path, repository: str, steps: Steps) -> None:
        self._folder = folder
        self._address = address(repository)
        self._steps = steps
        self._old = folder.exists()

    async def fetched(self, ref: str, pinned: str = "") -> tuple[str, str]:
        """Return the name and the commit of `ref`, once all branches and tags are fetched; with
        `pinned` that commit, wherever `ref` leads by now.

        The name is `ref`, or that of the repository's default branch. Raises NoSuchRef, and Failed
        with git's words if the repository cannot be fetched.
        """
        try:
            return await self._fetched(ref, pinned)
        except Failed as error:
            await self._anew(error)
            return await self._fetched(ref, pinned)

    async def write(self, commit: str, release: Path) -> None:
        """Write the files of `commit` into `release`, which is empty. Raises Failed."""
        try:
            await self._write(commit, release)
        except Failed as error:
            await self._anew(error)
            await asyncio.to_thread(_empty, release)
            await self._update()
            await self._write(commit, release)

    async def pack(self) -> None:
        """Have git pack what it thinks is worth it.

        It drops what nothing names any more, and large files that were not used for as long. Raises
        Failed.
        """
        await asyncio.to_thread(_forget, self._folder / "lfs" / "objects", UNUSED)
        (self._folder / "gc.pid").unlink(missing_ok=True)
        await self._git("-c", "gc.autoDetach=false", "gc", "--auto", "--quiet")

    async def _fetched(self, ref: str, pinned: str) -> tuple[str, str]:
        if not pinned:
            return await self._found(ref)
        with contextlib.suppress(NoSuchRef):  # its branch may be gone, and the commit still there
            ref, _ = await self._found(ref)
        return ref, await self._resolve(pinned)

    async def _found(self, ref: str) -> tuple[str, str]:
        if ref != DEFAULT:
            await self._update()
            return ref, await self._resolve(ref)
        branch = await self._default_branch()
        if not branch:
            await self._update(f"+HEAD:{_DETACHED}")
            return ref, await self._peeled(_DETACHED)
        await self._update()
        return branch, await self._peeled(f"refs/heads/{branch}")

    async def _update(self, *refspecs: str) -> None:
        if self._folder.exists() and not self._folder.is_dir():
            raise Failed(f"{self._folder} is not a folder")
        self._folder.mkdir(exist_ok=True)
        # A git that was killed leaves its locks. Nobody else works here: the deploy holds the lock.
        for lock in (*self._folder.glob("*.lock"), *(self._folder / "refs").rglob("*.lock")):
            lock.unlink(missing_ok=True)
        await self._git("init", "--quiet", "--bare")
        # by the name that a clone has for it: filters look there for where the rest is (git-lfs)
        await self._git("config", "--replace-all", "remote.origin.url", self._address.url)
        await self._git(*_FETCH, "origin", *_REFSPECS, *refspecs)

    async def _default_branch(self) -> str:
        """Return the branch that the repository's HEAD names; empty if it names a commit.

        Raises NoSuchRef if it names nothing that exists.
        """
        listed = await self._listed("HEAD")
        if DEFAULT not in [name for _, name in listed]:
            heads = await self._listed("refs/heads/*")
            branches = [name.removeprefix("refs/heads/") for _, name in heads]
            there = f"it has {named(branches)}" if branches else "it has no branch at all"
            raise NoSuchRef(
                f"HEAD of {self._address.url} points to no branch ({there}): choose one with --ref,"
                f" or set ref in [deploy.{self._steps.values['app']}]"
            )
        branch = "ref: refs/heads/"
        found = [what for what, name in listed if name == DEFAULT and what.startswith(branch)]
        return found[0].removeprefix(branch) if found else ""

    async def _listed(self, pattern: str) -> list[tuple[str, str]]:
        """Return commits (or `ref: NAME`) and names of the repository's own refs."""
        said: list[str] = []
        words = ("ls-remote", "--symref", "--", self._address.url, pattern)
        ended = await self._run(words, said, inside=False)
        lines = "\n".join(said).splitlines()
        if not ended.well:
            self._steps.say(STEP, "\n".join(said))
            raise Failed(_reason(lines, ended))
        parted = [line.partition("\t") for line in lines]
        return [(what, name) for what, tab, name in parted if tab]

    async def _resolve(self, ref: str) -> str:
        """Return the commit that `ref`, a tag, branch or commit, names.

        Raises NoSuchRef, and Failed if what it names cannot be read.
        """
        found: dict[str, str] = {}
        for candidate in candidates(ref):
            if candidate.sha:
                if not found and (commit := await self._sha(candidate)):
                    return commit
            elif await self._ask("show-ref", "--verify", "--hash", "--", candidate.name):
                found[candidate.name] = await self._peeled(candidate.name)
        if len(set(found.values())) > 1:
            names = " or ".join(found)
            raise NoSuchRef(f"{ref} is both a tag and a branch, of different commits: use {names}")
        if found:
            return next(iter(found.values()))
        known = await self._ask(
            "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads", "refs/tags"
        )
        hint = did_you_mean(ref, known.split())
        raise NoSuchRef(f"there is no branch, tag or commit {ref} in {self._address.url}.{hint}")

    async def _sha(self, candidate: Candidate) -> str:
        """Return the commit whose id is, or begins with, this one; empty if there is none.

        Raises NoSuchRef if there are several.
        """
        command = ("rev-parse", "--verify", "--quiet", "--end-of-options")
        found = await self._ask(*command, f"{candidate.name}^{{commit}}")
        commit = found.rpartition("\n")[2]  # after a warning, if a ref is called so
        if _COMMIT.fullmatch(commit):
            return commit
        several = (await self._ask("rev-parse", f"--disambiguate={candidate.name}")).split()
        kinds = [await self._ask("cat-file", "-t", one) for one in several[:50]]
        if kinds.count("commit") > 1:
            raise NoSuchRef(f"several commits begin with {candidate.name}: use more characters")
        return ""

    async def _peeled(self, name: str) -> str:
        """Return the commit of a ref that exists.

        Raises NoSuchRef if it is a tag of something else, and Failed if it cannot be read.
        """
        command = ("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
        said: list[str] = []
        ended = await self._run(command, said)
        commit = "\n".join(said).strip()
        if ended.well and _COMMIT.fullmatch(commit):
            return commit
        if await self._ask("cat-file", "-t", name) in ("blob", "tree", "tag"):
            raise NoSuchRef(f"{name} is not a commit and points to none")
        raise Failed(_reason(commit.splitlines(), ended))

    async def _write(self, commit: str, release: Path) -> None:
        index = self._folder / "index"
        index.unlink(missing_ok=True)
        # what is checked out is HEAD, as in a clone: filters look there for their settings
        await self._git("update-ref", "--no-deref", "HEAD", commit)
        tree = ("-c", "core.bare=false", f"--work-tree={release}")
        await self._git(*tree, "read-tree", "--reset", "-u", commit)
        index.unlink(missing_ok=True)

    async def _anew(self, error: Failed) -> None:
        """Make place for a new mirror, at most once, if the old one caused `error`; else raise
        `error`."""
        if not self._old or not await self._damaged():
            raise error
        self._old = False
        text = f"{self._folder} is damaged, and is fetched again ({error})"
        self._steps.run.notify_info(self._steps.secrets.mask(text), step=STEP)
        aside = self._folder.with_name(f"{self._folder.name}.damaged")
        if aside.is_dir():
            shutil.rmtree(aside)
        self._folder.rename(aside)
        if aside.is_dir():
            shutil.rmtree(aside, ignore_errors=True)

    async def _damaged(self) -> bool:
        """Return whether the mirror is damaged, while the repository can be read."""
        words = ("ls-remote", "--quiet", "--", self._address.url, "HEAD")
        if not (await self._run(words, [], inside=False)).well:
            return False
        return not (await self._run(("fsck", "--no-dangling", "--no-progress"), [])).well

    async def _git(self, *words: str) -> None:
        said: list[str] = []
        ended = await self._run(words, said, aloud=True)
        if not ended.well:
            raise Failed(_reason("\n".join(said).splitlines(), ended))

    async def _ask(self, *words: str) -> str:
        said: list[str] = []
        ended = await self._run(words, said)
        return "\n".join(said) if ended.well else ""

    async def _run(
        self, words: tuple[str, ...], said: list[str], *, aloud: bool = False, inside: bool = True
    ) -> Ended:
        """Run git: in the mirror if `inside`, and `aloud` in the thread."""

        def tell(text: str) -> None:
            said.append(text)
            if aloud:
                self._steps.say(STEP, text)

        where = (f"--git-dir={self._folder}",) if inside else ()
        env = {**_ASK_NOBODY, **self._address.variables(self._steps.env)}
        argv = ("git", *where, *words)
        return await self._steps.ours(STEP, argv, self._folder.parent, env, tell)


def _forget(folder: Path, seconds: float) -> None:
    """Remove the files in `folder` that were not touched for so long."""
    before = time.time() - seconds
    for place, _, names in os.walk(folder):
        for file in (Path(place, name) for name in names):
            status = file.stat()
            if max(status.st_atime, status.st_mtime) < before:
                file.unlink()


def _empty(folder: Path) -> None:
    """Remove all that is in `folder`."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)


def _reason(lines: list[str], ended: Ended) -> str:
    """Return the first error that git reports."""
    wrong = [line for line in lines if line.startswith(("fatal: ", "error: "))]
    return f"{STEP} failed: git: {wrong[0] if wrong else ended}"
