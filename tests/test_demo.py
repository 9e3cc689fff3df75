"""`baton demo`, as a newcomer meets it: by pipe and at a terminal, with real commands."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.demo_terminal import Terminal, environment, terminal
from tests.support.forks import stand_in_for
from tests.support.wait import until

DEPLOYED = [
    "fetching main",
    "compile",
    "test",
    "import the goods",
    "1 of 5: tea, 4.50",
    "2 of 5: coffee, 6.20",
    "3 of 5: honey, 7.80",
    "4 of 5: bread, 3.90",
    "5 of 5: apples, 2.10",
    "restarting",
    "checking its health",
]


@dataclass
class Ran:
    """How a demo that was fed by pipe ended."""

    code: int
    text: str

    def of(self, host: str) -> list[str]:
        """What that server said, in order."""
        return [
            line.partition("│ ")[2]
            for line in self.text.splitlines()
            if line.startswith(f"  {host} │")
        ]


async def started(folder: Path, env: Mapping[str, str] | None = None) -> Process:
    return await asyncio.create_subprocess_exec(
        *stand_in_for("demo"),
        env=env or environment(folder),
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
    )


async def ran(folder: Path, *commands: str, env: Mapping[str, str] | None = None) -> Ran:
    process = await started(folder, env)
    async with asyncio.timeout(100):
        said, _ = await process.communicate("".join(f"{line}\n" for line in commands).encode())
    return Ran(process.returncode or 0, said.decode())


def ports(text: str) -> set[int]:
    return {int(port) for port in re.findall(r"http://127\.0\.0\.1:(\d+)/", text)}


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def left_nothing(folder: Path, text: str) -> None:
    """No file, and no process of the shop, is left of the demo."""
    assert os.listdir(folder) == []
    found = ports(text)
    assert found
    await until(lambda: not any(map(answers, found)))


async def test_smoke(tmp_path: Path) -> None:
    """Ping and deploy by pipe succeed; a server's thread reads as it happened, each line once; and
    nothing is left afterwards."""
    demo = await ran(tmp_path, "/ping prod", "/deploy shop prod")
    assert demo.code == 0, demo.text
    assert re.search(r"^✓ succeeded \w{6}  3 of 3 answered, p50 \d+ ms", demo.text, re.MULTILINE)
    assert re.search(
        r"^✓ succeeded \w{6}  main \(\w{8}\) on 3 of 3, after", demo.text, re.MULTILINE
    )
    assert demo.text.index("3 of 3 answered") < demo.text.index("ran: deploy shop prod")
    assert "\x1b" not in demo.text
    for host in ("web-1", "web-2", "web-3"):
        said = demo.of(host)
        assert [line for line in said if line in DEPLOYED] == DEPLOYED
        assert len(re.findall(rf"^  {host} ✓ succeeded: main ", demo.text, re.MULTILINE)) == 1
    await left_nothing(tmp_path, demo.text)


async def test_broken_version_goes_back(tmp_path: Path) -> None:
    """A version whose health check fails is taken back by each server, and the exit code says 1."""
    demo = await ran(tmp_path, "/deploy shop prod --ref v1", "/deploy shop prod --ref broken")
    assert demo.code == 1
    back = re.findall(
        r"^  (web-\d) ✗ failed: health check answered 500, not 200; rolled back to \d+-v1$",
        demo.text,
        re.MULTILINE,
    )
    assert sorted(back) == ["web-1", "web-2", "web-3"]
    await left_nothing(tmp_path, demo.text)


async def test_other_commands(tmp_path: Path) -> None:
    """Everything the welcome names works, with and without a slash, and by way of /baton."""
    demo = await ran(
        tmp_path,
        "/help",
        "servers",
        "/baton ping prod web-2",
        "/deploy billing prod --ref v2",
        "/jobs",
        "/audit",
        "/quit",
        "/never",
    )
    assert demo.code == 0, demo.text
    assert "/deploy APP ENVIRONMENT [--ref REF] [--host HOST]" in demo.text
    assert re.search(r"web-3 +prod +billing, shop", demo.text)
    assert "1 of 1 answered" in demo.text
    assert "on 1 of 1" in demo.text
    assert re.search(r"deploy billing prod --ref v2 +\S+ +succeeded", demo.text)
    assert "never" not in demo.text


async def test_what_goes_wrong_is_told(tmp_path: Path) -> None:
    """A command that does not succeed says why, the next one runs all the same, and the exit code
    is 1."""
    demo = await ran(
        tmp_path,
        "/deplyo shop prod",
        "/deploy shop prdo",
        "/deploy",
        "/deploy shop prod --ref nowhere",
        "/ping prod",
    )
    assert demo.code == 1
    for told in (
        "Unknown command “deplyo”. Did you mean deploy?",
        "Did you mean prod?",
        "APP is missing.",
        "there is no branch, tag or commit nowhere",
        "3 of 3 answered",
    ):
        assert told in demo.text


async def test_a_server_breaks(tmp_path: Path) -> None:
    """An alert appears by itself when a server dies, and resolves when it is mended."""
    process = await started(tmp_path)
    assert process.stdin is not None
    assert process.stdout is not None
    text = ""
    async with asyncio.timeout(100):
        process.stdin.write(b"/demo break web-2\n")
        while "alert firing: silent web-2 in prod" not in text:
            text += (await process.stdout.readline()).decode()
        process.stdin.write(b"/demo repair web-2\n")
        while "alert resolved: silent web-2 in prod" not in text:
            text += (await process.stdout.readline()).decode()
        process.stdin.close()
        said = await process.stdout.read()
        assert await process.wait() == 0
    assert "alert" not in said.decode()
    assert text.count("alert firing") == text.count("alert resolved") == 1
    assert os.listdir(tmp_path) == []


async def test_without_git(tmp_path: Path) -> None:
    """Without git there is one clear line with what to do, exit code 2, and nothing is left."""
    bin = tmp_path / "bin"
    bin.mkdir()
    folder = tmp_path / "tmp"
    folder.mkdir()
    demo = await ran(folder, "/help", env=environment(folder, PATH=str(bin)))
    assert demo.code == 2
    assert demo.text.startswith("baton: The demo deploys from a git repository")
    assert "apt install git" in demo.text
    assert demo.text.count("\n") == 1
    assert list(folder.iterdir()) == []


async def test_nobody_reads(tmp_path: Path) -> None:
    """When what it prints goes nowhere (`| head`) the demo ends, quietly, and leaves nothing."""
    process = await started(tmp_path)
    assert process.stdin is not None
    assert process.stdout is not None
    reading = process.stdout
    process.stdin.write(b"/ping prod\n/deploy shop prod\n/deploy shop prod\n")
    async with asyncio.timeout(100):
        assert b"ran: ping prod" in await reading.readline()
        process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
        assert await process.wait() == 1
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_ended_while_it_deploys(tmp_path: Path, number: signal.Signals) -> None:
    """A signal in the middle of a deploy leaves no file and no process behind."""
    process = await started(tmp_path)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"/deploy shop prod --ref v1\n/deploy shop prod --ref v2\n")
    text = ""
    async with asyncio.timeout(100):
        while "ran: deploy shop prod --ref v2" not in text:
            text += (await process.stdout.read(4096)).decode()
        process.send_signal(number)
        text += (await process.stdout.read()).decode()
        code = await process.wait()
    assert code == 128 + number
    assert "Traceback" not in text
    await left_nothing(tmp_path, text)


async def test_at_a_terminal(tmp_path: Path) -> None:
    """Typing, completion, a bar for each server, and Ctrl-D: a whole visit."""
    async with terminal(tmp_path, "xterm") as it:
        await it.starts()
        it.type("/dep\t")
        await it.sees("/deploy ")
        it.type("sh\tpr\t--ref v1\r")
        await it.sees("ran: deploy shop prod --ref v1")
        await it.sees("━")
        await it.sees("% ")
        await it.sees("on 3 of 3, after")
        # three servers, and the console; its thread may come after its end
        await until(lambda: len(ports(it.text)) == 4)
        text = it.text
        it.type("\x04")
        async with asyncio.timeout(60):
            assert await it.process.wait() == 0
    await left_nothing(tmp_path, text)


@pytest.mark.parametrize("size", [(24, 80), (40, 120)])
async def test_the_welcome_is_on_the_screen(tmp_path: Path, size: tuple[int, int]) -> None:
    """Whoever starts the demo sees what it is and what to type, and the prompt right below. Ctrl-C
    leaves a search in the history, as in a shell."""
    async with terminal(tmp_path, "xterm", size) as it:
        await it.starts()
        assert it.shown.startswith("Baton: a bot and three simulated servers")
        assert "/deploy shop prod" in it.shown
        address = re.search(r"in a browser, with live logs: (http://127.0.0.1:\d+/)", it.shown)
        assert address is not None
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:
            home = await client.get(address[1])
        assert home.status_code == 200
        assert "No jobs yet" in home.text
        it.type("\x12ping")
        await until(lambda: "i-search" in it.shown)
        it.type("\x03")
        await until(lambda: "i-search" not in it.shown)


async def test_cancel_at_a_terminal(tmp_path: Path) -> None:
    """Ctrl-C asks whether what is under way is to be cancelled; no goes on, yes cancels, and
    a command is one."""
    async with terminal(tmp_path, "xterm") as it:
        await it.starts()
        it.type("\x03")
        await it.sees("No job is running.")
        it.type("/deploy shop prod\r")
        await it.sees("1 of 5: tea")
        it.type("\x03")
        await it.sees("Cancel deploy shop prod? y or n")
        it.type("n")
        it.type("\x03")
        it.type("/servers\r")
        await it.sees("› /servers")
        it.type("\x03")
        it.type("y")
        await it.sees("Asked 3 servers to stop deploy shop prod.")
        await it.sees("  3 of 3 cancelled")
        it.type("/quit\r")
        async with asyncio.timeout(60):
            assert await it.process.wait() == 0


@pytest.mark.parametrize("say", [lambda it: it.type("\x04"), lambda it: it.type("/quit\n")])
async def test_dumb_terminal(tmp_path: Path, say: Callable[[Terminal], None]) -> None:
    """A terminal that cannot move its cursor gets plain lines; failures do not count."""
    async with terminal(tmp_path, "dumb") as it:
        await it.sees("Ctrl-D exits.")
        it.type("/nothing\n")
        await it.sees("Unknown command “nothing”")
        it.type("/ping prod\n")
        await it.sees("3 of 3 answered")
        say(it)
        async with asyncio.timeout(60):
            assert await it.process.wait() == 0
        assert b"\x1b" not in it.raw


async def test_without_colours(tmp_path: Path) -> None:
    """With NO_COLOR nothing is coloured, and every state is a word."""
    async with terminal(tmp_path, "xterm", NO_COLOR="1") as it:
        await it.starts()
        it.type("/ping prod\r")
        await it.sees("  3 of 3 answered")
        it.type("\x04")
        await it.process.wait()
        colours = re.findall(rb"\x1b\[[0-9;]*(?:3[0-7]|9[0-7]|38;)[0-9;]*m", bytes(it.raw))
        assert colours == []
