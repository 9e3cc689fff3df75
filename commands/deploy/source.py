"""What a release is made of: a ref of a git repository, without its history.

A bare mirror in `repo/` is kept up to date and each release is written from it with an index of its
own, so that filters (line ends, large files) apply and no `.git` lies in what is served. Submodules
are not fetched.
"""

from __future__ import annotations

import re
from pathlib import Path

from baton.errors import Failed
from baton.words import did_you_mean
from commands.deploy.steps import Steps
from commands.process import Ended

STEP = "fetch"
_REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_DEFAULT = "refs/baton/HEAD"
"""Where the mirror keeps what the repository's own HEAD points to."""

_ASK_NOBODY = {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -oBatchMode=yes"}
"""Git's questions (a password, an unknown host) are failures here: nobody is there to answer."""


class Mirror:
    """The bare mirror of an app's repository on this server."""

    def __init__(self, folder: Path, repository: str, steps: Steps) -> None:
        self._folder = folder
        self._repository = repository
        self._steps = steps

    async def update(self) -> None:
        """Fetch all branches and tags. Raises Failed with git's last words if it cannot."""
        self._folder.mkdir(exist_ok=True)
        # A git that was killed leaves its locks. Nobody else works here: the deploy holds the lock.
        for lock in (*self._folder.glob("*.lock"), *(self._folder / "refs").rglob("*.lock")):
            lock.unlink(missing_ok=True)
        await self._git("init", "--quiet", "--bare")
        fetch = ("fetch", "--prune", "--force", "--no-write-fetch-head", "--no-auto-gc")
        await self._git(
            *fetch, "--end-of-options", self._repository, *_REFSPECS, f"+HEAD:{_DEFAULT}"
        )

    async def resolve(self, ref: str) -> str:
        """The commit that `ref`, a tag, branch or commit, names. Raises Failed if it names none."""
        names = [f"refs/tags/{ref}", f"refs/heads/{ref}"]
        if ref == "HEAD":
            names = [_DEFAULT]
        elif re.fullmatch(r"[0-9a-f]{7,64}", ref):
            names.append(ref)
        for name in names:
            command = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
            found = await self._ask(*command)
            if re.fullmatch(r"[0-9a-f]{40,64}", found):
                return found
        known = await self._ask("for-each-ref", "--format=%(refname:lstrip=2)", "refs")
        hint = did_you_mean(ref, [name for name in known.split() if name != "HEAD"])
        where = self._steps.secrets.mask(self._repository)
        raise Failed(f"there is no branch, tag or commit {ref} in {where}.{hint}")

    async def write(self, commit: str, release: Path) -> None:
        """Write the files of `commit` into `release`."""
        index = self._folder / "index"
        index.unlink(missing_ok=True)
        tree = ("-c", "core.bare=false", f"--work-tree={release}")
        await self._git(*tree, "read-tree", "--reset", "-u", commit)
        index.unlink(missing_ok=True)

    async def _git(self, *words: str) -> None:
        said: list[str] = []
        ended = await self._run(words, said, aloud=True)
        if not ended.well:
            lines = "\n".join(said).splitlines()
            wrong = [line for line in lines if line.startswith(("fatal: ", "error: "))]
            raise Failed(f"{STEP} failed: git: {wrong[0] if wrong else ended}")

    async def _ask(self, *words: str) -> str:
        said: list[str] = []
        ended = await self._run(words, said)
        return "\n".join(said) if ended.well else ""

    async def _run(self, words: tuple[str, ...], said: list[str], aloud: bool = False) -> Ended:
        def tell(text: str) -> None:
            said.append(text)
            if aloud:
                self._steps.say(STEP, text)

        argv = ("git", f"--git-dir={self._folder}", *words)
        return await self._steps.ours(STEP, argv, self._folder, _ASK_NOBODY, tell)
