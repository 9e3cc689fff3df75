"""The name of a ref can mean several things in a repository. Pure.

Tags, branches and commits are all that is fetched, so nothing else is meant (gitrevisions(7),
git-check-ref-format(1)).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

SHA256 = "sha256:"
"""What the checksum of an archive begins with, where a commit of git could stand."""

_FULL = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHORT = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate is what a ref can be: a ref by its full name, or (`sha`) the beginning of a
    commit's id."""

    name: str
    sha: bool = False


def candidates(ref: str) -> Sequence[Candidate]:
    """Return all that `ref` can be.

    A whole id of a commit means that first, the beginning of one means it last; a full name means
    itself only.
    """
    if ref.startswith(("refs/heads/", "refs/tags/")):
        return (Candidate(ref),)
    named = [Candidate(f"refs/tags/{ref}"), Candidate(f"refs/heads/{ref}")]
    if ref.startswith(("heads/", "tags/")):
        named.append(Candidate(f"refs/{ref}"))
    lowered = ref.lower()
    if _FULL.fullmatch(lowered):
        return (Candidate(lowered, sha=True), *named)
    if _SHORT.fullmatch(lowered):
        return (*named, Candidate(lowered, sha=True))
    return named


_ACTIVE = re.compile(r"""[\s;&|$`()<>{}'"!\\]|(?:^|=)#""")
"""What a shell, or make, would obey where a name is not quoted."""
_JOINING = frozenset({"ssh", "su", "eval", "watch", "parallel", "xargs"})
"""Programs that make text for a shell of the words that they are given."""
_EXPANDING = frozenset({"make", "gmake"})
"""Programs that put variables of their environment into text for a shell."""


def obeyed(ref: str, argv: Sequence[str]) -> bool:
    """Return whether a shell could interpret something in `ref`.

    The configured program `argv`, with `{ref}` in it, would pass it on. Git allows such names, and
    anybody may push one.
    """
    if not _ACTIVE.search(ref):
        return False
    names = {PurePosixPath(word).name for word in argv}
    with_ref = [word for word in argv if "{ref}" in word]
    script = any(_ACTIVE.search(word.replace("{ref}", "")) for word in with_ref)
    return script or bool(names & _EXPANDING) or bool(with_ref and names & _JOINING)
