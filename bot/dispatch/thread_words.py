"""What is said in the thread of a job without naming it: cancel, approve, go on. Pure."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

_ABOUT = frozenset({"cancel", "approve", "confirm", "deny"})
_ROLLOUT = {
    "pause": "pause",
    "go on": "go-on",
    "go-on": "go-on",
    "continue": "go-on",
    "slower": "slower",
    "back": "back",
}


@dataclass(frozen=True, slots=True)
class ThreadWords:
    """A command that is about a job: its `verb`, and the `rest` that stands behind the job's ID."""

    verb: str
    rest: str = ""

    def about(self, job: str) -> str:
        """Return the words of the command about `job`."""
        return f"{self.verb} {job} {self.rest}".strip()


def thread_words(text: str) -> ThreadWords | None:
    """Return what `text` says about the job of its thread; None if it is something else."""
    first, _, rest = text.strip().partition(" ")
    word, rest = first.removeprefix("/").lower().rstrip(".!?"), rest.strip()
    if word in _ABOUT and (not rest or rest.startswith("because ")):
        return ThreadWords(word, rest)
    whole = f"{word} {rest}".lower().rstrip(" .!?")
    if whole in _ROLLOUT:
        return ThreadWords("rollout", _ROLLOUT[whole])
    if word == "skip" and rest and " " not in rest:
        return ThreadWords("rollout", f"skip --host {rest.rstrip('.!?')}")
    return None


def about_job(text: str, job: str, commands: Container[str]) -> str:
    """Return `text`; if it is what people say in the thread of a job, about `job`: for a chat that
    has no threads. What is one of `commands` and more than such a word stays as it is."""
    said, word = thread_words(text), (text.split(maxsplit=1) or [""])[0].removeprefix("/").lower()
    if said is None or not job:
        return text
    return said.about(job) if said.verb == word or word not in commands else text
