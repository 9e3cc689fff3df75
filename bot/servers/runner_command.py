"""A runner that a worker declares becomes a command like any other: its arguments are the fields.
Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar

from pydantic import JsonValue, ValidationError
from typing_extensions import override

from baton.bus.facts import RunnerFacts
from baton.bus.messages import State
from baton.command import Command, Reach, Target
from baton.declared import MAX_ARGUMENTS, RESERVED, Argument, model_of
from baton.errors import ExtensionError
from baton.outcome import Outcome, RunReport, duration, size_of
from baton.text.printable import printable

MAX_FILES = 20
"""Files of a job that a post lists, at most."""
_MAX_PATH = 300


class RunnerCommand(Command):
    """A command whose job one worker takes from a queue."""

    reach: ClassVar[Reach] = Reach.QUEUE
    runner: ClassVar[RunnerFacts]

    @property
    @override
    def target(self) -> Target:
        """Return that no server is meant, whatever its arguments are called."""
        return Target()

    @override
    def outcome(self, runs: Sequence[RunReport]) -> Outcome:
        """Return how the job went, and the files that it made."""
        last = runs[-1] if runs else None
        if last is None or not last.state.final:
            return Outcome("in the queue" if last is None or not last.step else last.step)
        took = "" if last.seconds is None else f" in {duration(last.seconds)}"
        said = f": {last.text}" if last.text and last.state is not State.SUCCEEDED else ""
        return Outcome(f"{last.state.value}{took}{said}", tuple(files_of(last.facts)))


def files_of(facts: Any) -> list[str]:
    """Return a line for each file that a job reports, whatever its worker wrote there."""
    found = facts.get("artifacts")
    listed = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    lines = [_file(one) for one in listed[:MAX_FILES]]
    in_all = facts.get("artifacts_in_all")
    more = (in_all if isinstance(in_all, int) else len(listed)) - len(lines)
    return [*lines, f"and {more} more files"] if more > 0 else lines


def _file(one: dict[str, JsonValue]) -> str:
    link = printable(str(one.get("link") or one.get("path") or "a file"))[:_MAX_PATH]
    size, digest = one.get("size"), one.get("sha256")
    parts = [size_of(size)] if isinstance(size, int) else []
    parts += [f"sha256 {printable(digest)[:64]}"] if isinstance(digest, str) and digest else []
    return f"{link} ({', '.join(parts)})" if parts else link


@lru_cache(1024)
def _made(runner: str, name: str) -> type[RunnerCommand]:
    facts = RunnerFacts.model_validate_json(runner)
    if len(facts.arguments) > MAX_ARGUMENTS:
        raise ExtensionError(name=name, reason=f"it declares more than {MAX_ARGUMENTS} arguments")
    arguments: dict[str, Argument] = {}
    for word, declared in facts.arguments.items():
        if word in RESERVED or not word.isidentifier() or word.startswith("_"):
            raise ExtensionError(name=name, reason=f"no argument can be called {word[:64]!r}")
        try:
            arguments[word] = Argument.model_validate(declared)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join([word, *(str(part) for part in first["loc"])])
            reason = f"its argument {where}: {first['msg'][:200]}"
            raise ExtensionError(name=name, reason=reason) from None
    summary = facts.summary or f"Give a job to the queue {facts.queue}"
    made: Any = model_of("RunnerCommand", arguments, RunnerCommand, summary)
    made.name, made.runner = name, facts
    made.accept_within, made.timeout = facts.accept_within, facts.timeout
    return made  # type: ignore[no-any-return]


def command_of(runner: RunnerFacts, name: str = "") -> type[RunnerCommand]:
    """Return the command of that runner: it is called `name`, or as the runner.

    Raises ExtensionError if its declaration cannot be used, as that of a worker of another version.
    """
    return _made(runner.model_dump_json(), name or runner.name.lower())
