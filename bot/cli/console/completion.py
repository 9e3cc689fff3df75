"""`baton completion SHELL`: what a shell completes after `baton`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from baton.errors import BatonError
from baton.text.printable import printable
from bot.cli.console.chat import AS_TYPED, BY_NAME

if TYPE_CHECKING:
    from baton.client import Client, CommandHelp
    from bot.dispatch.suggestions import Suggestion

TIMEOUT = 1.5
"""Seconds that the console has to say what it knows; then what this program knows is all."""
COMPLETE = "complete"
"""The hidden subcommand that a shell asks."""
_SAFE = re.compile(r"[\w./:@%+,=-]+")
"""What a shell takes as a word, whatever it holds: nothing else that others wrote is offered."""
JOBS = 20


class Shell(StrEnum):
    """A shell that completes."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


SCRIPTS: Mapping[Shell, str] = {
    Shell.BASH: """\
_baton() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <(baton complete bash -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _baton baton
""",
    Shell.ZSH: """\
_baton() {
    local -a found
    found=("${(@f)$(baton complete zsh -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    [[ -n "$found[1]" ]] && _describe baton found || _files
}
compdef _baton baton
""",
    Shell.FISH: """\
function __baton_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l found (baton complete fish -- $before[2..-1] "$current" 2>/dev/null)
    if set -q found[1]
        printf '%s\\n' $found
    else
        __fish_complete_path "$current"
    end
end
complete -c baton -f -a '(__baton_complete)'
""",
}

_WHERE = {
    Shell.BASH: "~/.bashrc: source <(baton completion bash)",
    Shell.ZSH: "~/.zshrc, after compinit: source <(baton completion zsh)",
    Shell.FISH: "~/.config/fish/config.fish: baton completion fish | source",
}


def completion(
    shell: Annotated[Shell, typer.Argument(help="The shell: bash, zsh or fish.")],
) -> None:
    """Print the completion script of a shell."""
    typer.echo(f"# In {_WHERE[shell]}\n{SCRIPTS[shell]}", nl=False)


def add_completion(app: typer.Typer) -> None:
    """Add the subcommands."""
    app.command()(completion)
    app.command(COMPLETE, hidden=True, add_help_option=False, context_settings=AS_TYPED)(complete)


def complete(context: typer.Context, shell: Annotated[Shell, typer.Argument()]) -> None:
    """Print what may stand in place of the last word, for a shell."""
    words = context.args or [""]
    root: Any = context.find_root().command
    for found in suggested(root, words):
        if _SAFE.fullmatch(found.text):
            typer.echo(_shown(shell, found.text, printable(found.meaning)))


def _shown(shell: Shell, text: str, meaning: str) -> str:
    """Return a suggestion as `shell` reads it."""
    if shell is Shell.ZSH:
        return f"{text.replace(':', chr(92) + ':')}:{meaning}" if meaning else text
    return f"{text}\t{meaning}" if shell is Shell.FISH and meaning else text


def suggested(root: Any, words: Sequence[str]) -> Iterator[Suggestion]:
    """Yield what may stand in place of the last of `words`, after the command `root`."""
    from bot.dispatch.suggestions import Suggestion

    *before, last = words
    command, rest = root, list(before)
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    own: list[Suggestion] = []
    if hasattr(command, "commands") and not rest:
        own += [
            Suggestion(name, 0, each.get_short_help_str())
            for name, each in sorted(command.commands.items())
            if not each.hidden
        ]
    if last.startswith("-"):
        chat = command is root or BY_NAME in getattr(command, "commands", {})
        shown = root.commands[BY_NAME] if chat and before else command
        own += [
            Suggestion(option, 0, parameter.help or "")
            for parameter in shown.params
            for option in getattr(parameter, "opts", ())
            if option.startswith("--")
        ]
    own += _choices(command, rest)
    asked = [each for each in before if each not in ("--watch", "--json")]
    takes_job = any(parameter.name == "job" for parameter in command.params)
    of_console = asyncio.run(_of_console(asked, last, takes_job=takes_job and not rest))
    seen: set[str] = set()
    for each in (*own, *of_console):
        if each.text.startswith(last) and each.text not in seen:
            seen.add(each.text)
            yield each


def _choices(command: Any, before: Sequence[str]) -> list[Suggestion]:
    """Return the values of the argument that follows `before`, if they are known."""
    from bot.dispatch.suggestions import Suggestion

    arguments = [one for one in command.params if one.param_type_name == "argument"]
    at = sum(not word.startswith("-") for word in before)
    described = getattr(arguments[at], "type_descriptor", None) if at < len(arguments) else None
    kind = getattr(described, "annotation", None)
    known = kind if isinstance(kind, type) and issubclass(kind, StrEnum) else ()
    return [Suggestion(one.value, 0) for one in known]


async def _of_console(before: Sequence[str], last: str, *, takes_job: bool) -> list[Suggestion]:
    """Return what the console suggests; nothing if it does not answer soon."""
    from baton.client import Client, Patience
    from bot.dispatch.suggestions import Suggestion

    try:
        async with asyncio.timeout(TIMEOUT), Client(patience=Patience(request=0)) as client:
            if takes_job:
                jobs = (await client.jobs(limit=JOBS)).jobs
                return [Suggestion(job.id[:6], 0, job.title) for job in jobs]
            commands = {command.name: command for command in await client.commands()}
            if not before:
                return [Suggestion(each.name, 0, each.summary) for each in commands.values()]
            command = commands.get(before[0].removeprefix("/"))
            return await _fields(client, command, before[1:], last) if command else []
    except (BatonError, TimeoutError):
        return []


async def _fields(
    client: Client, command: CommandHelp, before: Sequence[str], last: str
) -> list[Suggestion]:
    """Return what may follow the words of `command`."""
    from baton.fields import FieldSpec
    from bot.dispatch.suggestions import Suggestion, field_suggestions

    specs = [
        FieldSpec(
            name=field.name,
            help=field.help,
            required=field.required,
            positional=field.positional,
            flag=field.flag,
            many=field.many,
            choices=field.choices,
            meant="",
            examples=field.examples,
        )
        for field in command.fields
    ]
    try:
        servers = (await client.page("servers"))["servers"]
    except BatonError:
        servers = []
    values = {
        "environment": lambda: _each(servers, "environment"),
        "host": lambda: _each(servers, "host"),
        "app": lambda: _each(servers, "apps"),
    }
    found = field_suggestions(specs, before, last, values)
    # a shell replaces the whole word
    return [
        Suggestion(last[: len(last) - one.replaces] + one.text, 0, one.meaning) for one in found
    ]


def _each(servers: Iterable[object], key: str) -> list[str]:
    """Return each value that one of `servers` has under `key`: texts, lists or tables of them."""
    found: set[str] = set()
    for server in servers:
        value = server.get(key) if isinstance(server, dict) else None
        for each in value if isinstance(value, list | dict) else [value]:
            name = each.get("app") or each.get("name") if isinstance(each, dict) else each
            if isinstance(name, str):
                found.add(name)
    return sorted(found)
