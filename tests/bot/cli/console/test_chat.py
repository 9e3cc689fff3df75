"""The words of a shell are those of the chat; what can be completed."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE

import pytest

from baton.text.words import split
from bot.cli.console.chat import text_of
from bot.cli.console.completion import SCRIPTS, Shell
from tests.bot.cli.program import ran


@pytest.mark.parametrize(
    "words",
    [
        ["deploy", "shop", "prod"],
        ["schedule", "deploy", "shop", "prod", "--ref", "a b", "weekdays", "at", "9am"],
        ["alerts", "silence", "host=~web-.*", "it's", 'say "x"', ""],
        ["alerts", "silence", "env=prod", "for", "2h", "because", "we are “moving” – to “b”"],
    ],
)
def test_each_word_of_the_shell_is_a_word_of_the_chat(words: list[str]) -> None:
    assert split(text_of(words)) == words


def test_a_reason_may_be_several_words() -> None:
    """As in chat, all that follows `because` is the reason."""
    words = ["alerts", "silence", "env=prod", "because", "it's", "maintenance"]
    assert split(text_of(words)) == [*words[:4], "it's maintenance"]


async def test_completion_without_a_console() -> None:
    """What this program knows is completed: subcommands, options; hidden ones are not."""
    code, out, err = await ran("complete", "bash", "--", "co", HOME="/nonexistent")
    assert (code, out, err) == (0, "completion\n", "")
    _, out, _ = await ran("complete", "fish", "--", "alerts", "", HOME="/nonexistent")
    assert "check\tCheck whether an alerts.toml is valid." in out
    assert "chat-command" not in out
    _, out, _ = await ran("complete", "zsh", "--", "log", "--ho", HOME="/nonexistent")
    assert out == "--host:Only the output of this server.\n"


@pytest.mark.parametrize("shell", Shell)
async def test_a_completion_script_is_printed(shell: Shell) -> None:
    """Whoever reads it learns where it belongs."""
    code, out, _ = await ran("completion", shell)
    assert code == 0
    assert out.endswith(SCRIPTS[shell])
    assert out.startswith(f"# In ~/.{'config/fish' if shell is Shell.FISH else shell}")


async def test_bash_completes_with_it() -> None:
    """In a real bash the script offers what `baton complete` says."""
    program = (
        f"{SCRIPTS[Shell.BASH]}\n"
        "baton() { printf '%s\\n' \"$@\" >&2; echo prod; echo 'web 1'; }\n"
        "COMP_WORDS=(baton deploy shop p); COMP_CWORD=3; _baton; printf '<%s>' \"${COMPREPLY[@]}\""
    )
    bash = await asyncio.create_subprocess_exec("bash", "-c", program, stdout=PIPE, stderr=PIPE)
    out, _ = await bash.communicate()
    assert out == b"<prod><web 1>"
