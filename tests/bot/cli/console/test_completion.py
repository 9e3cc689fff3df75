"""`baton completion`: the scripts in the shells that they are for."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from bot.cli.console.completion import SCRIPTS, Shell
from tests.bot.cli.program import ran
from tests.support.wait import until

ASKED = "printf '<%s>' \"$@\" >> asked; echo >> asked"
PROGRAM = f"""#!/bin/sh
{ASKED}
tab=$(printf '\\t')
case "$1 $2 $*" in
    complete*" p") echo prod;;
    "complete zsh"*" --") echo '--host:the server: its name'; echo '--ref:a "branch"';;
    "complete fish"*" --") echo "--host${{tab}}the server: its name"; echo "--ref${{tab}}a branch";;
esac
"""
"""What a shell asks as `baton`: it remembers what was asked."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a shell runs, with a file and with the program."""
    program = tmp_path / "baton"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    (tmp_path / "agent.toml").touch()
    return tmp_path


def needs(shell: Shell) -> pytest.MarkDecorator:
    """Skip where a shell is not installed."""
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed")


def asked(folder: Path) -> list[str]:
    """How the program was called, each call a line."""
    file = folder / "asked"
    return file.read_text().splitlines() if file.exists() else []


async def said(folder: Path, *words: str) -> str:
    """What a program prints that finds `baton` in `folder`."""
    env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(folder)}
    process = await asyncio.create_subprocess_exec(
        *words, cwd=folder, env=env, stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_completion_without_a_console() -> None:
    """What this program knows is completed: subcommands, options; hidden ones are not."""
    code, out, err = await ran("complete", "bash", "--", "co", HOME="/nonexistent")
    assert (code, out, err) == (0, "completion\nconfirm\n", "")
    _, out, _ = await ran("complete", "fish", "--", "alerts", "", HOME="/nonexistent")
    assert "check\tCheck whether an alerts.toml is valid." in out
    assert "chat-command" not in out
    _, out, _ = await ran("complete", "zsh", "--", "log", "--ho", HOME="/nonexistent")
    assert out == "--host:Only the output of this server.\n"
    _, out, _ = await ran("complete", "bash", "--", "rollout", "7k2m", "s", HOME="/nonexistent")
    assert out == "skip\nslower\n"


@pytest.mark.parametrize("shell", Shell)
async def test_a_completion_script_is_printed(shell: Shell) -> None:
    """Whoever reads it learns where it belongs."""
    code, out, _ = await ran("completion", shell)
    assert code == 0
    assert out.endswith(SCRIPTS[shell])
    assert out.startswith(f"# In ~/.{'config/fish' if shell is Shell.FISH else shell}")


async def test_bash_completes_with_it(folder: Path) -> None:
    """It offers what `baton complete` says."""
    words = "COMP_WORDS=(baton deploy shop p); COMP_CWORD=3; _baton; printf '<%s>' \"$COMPREPLY\""
    out = await said(folder, "bash", "-c", f"{SCRIPTS[Shell.BASH]}\n{words}")
    assert out == "<prod>"
    assert asked(folder) == ["<complete><bash><--><deploy><shop><p>"]


@needs(Shell.FISH)
async def test_fish_completes_with_it(folder: Path) -> None:
    """With what each means; where `baton complete` says nothing, files."""
    lines = ["baton deploy 'my app' p", "baton deploy --", "baton agent --config ag"]
    words = "\n".join(f'complete -C "{line}"; echo .' for line in lines)
    out = await said(folder, "fish", "-N", "-c", f"{SCRIPTS[Shell.FISH]}\n{words}")
    assert out.split(".\n")[:2] == ["prod\n", "--host\tthe server: its name\n--ref\ta branch\n"]
    assert out.endswith("agent.toml\n.\n")
    assert asked(folder)[0] == "<complete><fish><--><deploy><my app><p>"


@needs(Shell.ZSH)
async def test_zsh_completes_with_it(folder: Path) -> None:
    """On a terminal, as people press Tab: words are written, what each means is shown, and where
    `baton complete` says nothing there are files."""
    (folder / "script").write_text(SCRIPTS[Shell.ZSH])
    env = {"PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(folder), "TERM": "xterm"}
    on_terminal = [sys.executable, "-c", "import pty; pty.spawn(['zsh', '-f', '-i'])"]
    zsh = await asyncio.create_subprocess_exec(
        *on_terminal, cwd=folder, env=env, stdin=PIPE, stdout=PIPE
    )
    assert zsh.stdin is not None
    assert zsh.stdout is not None
    try:
        async with asyncio.timeout(60):
            zsh.stdin.write(b"autoload -Uz compinit; compinit -D -u; . ./script; echo r''eady\n")
            await zsh.stdout.readuntil(b"ready\r\n")
            zsh.stdin.write(b"baton deploy 'my app' p\t\n")
            await until(lambda: "<deploy><my app><prod>" in asked(folder))
            zsh.stdin.write(b"baton agent --config ag\t\n")
            await until(lambda: "<agent><--config><agent.toml>" in asked(folder))
            zsh.stdin.write(b"baton deploy --\t")
            await zsh.stdout.readuntil(b"the server: its name")
            await zsh.stdout.readuntil(b'a "branch"')
    finally:
        zsh.stdin.close()
        zsh.kill()
        await zsh.wait()
    assert asked(folder)[0] == "<complete><zsh><--><deploy><my app><p>"
