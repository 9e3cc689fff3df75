"""What the other tests stand on: the private servers, waiting, and the packaging."""

from __future__ import annotations

import ast
import asyncio
import os
import pty
import re
import signal
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import aio_pika
import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.support import scratch
from tests.support.broker import Broker
from tests.support.guard import Guarded
from tests.support.postgres import Postgres
from tests.support.wait import until

ROOT = Path(__file__).resolve().parent.parent


async def test_broker_keeps_what_it_holds_over_an_outage(broker: Broker, amqp_url: str) -> None:
    """A stopped broker refuses connections, and comes back on the same port with its messages."""
    connection = await aio_pika.connect(amqp_url)
    channel = await connection.channel()
    queue = await channel.declare_queue("kept", durable=True, arguments={"x-queue-type": "quorum"})
    persistent = aio_pika.Message(b"hello", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
    await channel.default_exchange.publish(persistent, queue.name, timeout=60)

    await broker.stop()
    await connection.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", broker.port)
    await broker.start()

    async with await aio_pika.connect(amqp_url) as again:
        kept = await (await again.channel()).get_queue("kept")
        assert await until(lambda: kept.get(fail=False, timeout=60))


async def test_tests_do_not_share_a_vhost(broker: Broker, amqp_url: str) -> None:
    """What one test declares, another does not see."""
    async with (
        await aio_pika.connect(amqp_url) as mine,
        await aio_pika.connect(broker.vhost()) as other,
    ):
        await (await mine.channel()).declare_queue("mine", durable=True)
        with pytest.raises(aio_pika.exceptions.ChannelNotFoundEntity):
            await (await other.channel()).get_queue("mine")


async def test_memory_alarm_blocks_publishers(broker: Broker, amqp_url: str) -> None:
    """Under the alarm a publish is not confirmed; once it is cleared it is."""
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("q", durable=True)

        def publish() -> asyncio.Task[object]:
            message = aio_pika.Message(b"")
            sending = channel.default_exchange.publish(message, queue.name, timeout=60)
            return asyncio.ensure_future(sending)

        await broker.memory_alarm(True)
        await publish()  # the broker blocks a connection once it has published
        second = publish()
        done, _ = await asyncio.wait([second], timeout=0.3)
        assert not done
        await broker.memory_alarm(False)
        await second


async def test_an_order_is_answered_with_its_own_answer(broker: Broker) -> None:
    """What a process of the broker complains of is not taken for an answer, then or later."""
    for number in range(20):
        broker.eval(f"spawn(fun() -> erlang:error(trouble_{number}) end).")
        assert broker.eval(f"{number} + 1.") == str(number + 1)
    with pytest.raises(RuntimeError, match="badmatch"):
        broker.eval("1 = 2.")


async def test_close_connections(broker: Broker, amqp_url: str) -> None:
    """Everybody is thrown out."""
    connection = await aio_pika.connect(amqp_url)
    await broker.close_connections()
    await until(lambda: broker.connections() == 0)
    await connection.close()


async def test_postgres_gives_each_test_a_database(postgres: Postgres, postgres_url: str) -> None:
    """The database is empty, and a stopped server comes back with what it holds."""
    engine = create_async_engine(postgres_url)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE kept (id int)"))
    await engine.dispose()
    await postgres.stop()
    await postgres.start()
    name = postgres_url.rpartition("/")[2]
    assert postgres.sql("SELECT tablename FROM pg_tables WHERE schemaname='public'", name) == "kept"
    copy = postgres.database(template=name)
    assert postgres.sql("SELECT count(*) FROM kept", copy.rpartition("/")[2]) == "0"
    postgres.drop(copy)


async def test_servers_do_not_outlive_killed_tests(tmp_path: Path) -> None:
    """kill -9 of the test session ends the servers and their children; their folder goes."""
    folder = tmp_path / "data"
    folder.mkdir()
    program = (
        "import sys, time; from pathlib import Path; from tests.support.guard import Guarded\n"
        "server = ['sh', '-c', 'sleep 600 & echo $!; wait']\n"
        f"it = Guarded(server, log=Path({str(tmp_path / 'log')!r}), remove=Path({str(folder)!r}))\n"
        "print(it.pid, flush=True); time.sleep(600)"
    )
    session = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert session.stdout is not None
    server = int(await session.stdout.readline())
    child = int(await until((tmp_path / "log").read_text))
    assert psutil.pid_exists(server)
    session.send_signal(signal.SIGKILL)
    await session.wait()
    await until(lambda: not folder.exists())
    await until(lambda: not (_alive(server) or _alive(child)))


def test_a_server_that_cannot_start_is_an_error(tmp_path: Path) -> None:
    """The error holds what the server, or the system, said."""
    with pytest.raises(RuntimeError, match="No such file"):
        Guarded(["/no/such/program"], log=tmp_path / "log")


async def test_until_says_what_never_came_true() -> None:
    """A wait that fails names its condition and the last result."""
    nothing: list[str] = []
    with pytest.raises(
        AssertionError, match=r"within 0.02 s: .*lambda: nothing, 0.02\) \(last: \[\]"
    ):
        await until(lambda: nothing, 0.02)


def test_constraints_pin_every_dependency_without_an_address() -> None:
    """constraints.txt holds exact versions only, and one for each dependency that is named."""
    lines = [
        line
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if not line.startswith("#")
    ]
    assert [
        line for line in lines if not re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9A-Za-z.]*", line)
    ] == []
    pinned = {_normal(line.partition("==")[0]) for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    assert {_normal(re.split(r"[\[<>=]", name)[0]) for name in named} - pinned == set()


@pytest.mark.parametrize(
    "file", ["pyproject.toml", "constraints.txt", "Makefile", "Dockerfile", ".ci/venv"]
)
def test_packaging_names_no_registry(file: str) -> None:
    """Where packages come from is the business of whoever installs."""
    text = (ROOT / file).read_text()
    assert not re.search(r"https?://|git\+|index-url|find-links|trusted-host", text)


def test_every_package_is_in_the_wheel() -> None:
    """The packages are listed one by one, so a new one must not be forgotten."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"][
        "targets"
    ]
    present = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    assert set(listed["wheel"]["packages"]) == present


def test_an_agent_runs_without_the_bots_packages() -> None:
    """Without the extra `bot`, the bus, every command and the command line can be imported."""
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    blocked = [_normal(re.split(r"[\[<>=]", name)[0]).replace("-", "_") for name in extra["bot"]]
    program = (
        "import pkgutil, sys\n"
        f"sys.modules.update(dict.fromkeys({blocked!r}))\n"
        "import baton, commands, bot.cli\n"
        "for package in (baton, commands):\n"
        "    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        __import__(module.name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_what_is_imported_is_declared_and_nothing_else() -> None:
    """Who installs Baton gets each package that it imports, by Baton's own word and not by chance;
    an agent gets none that only a bot uses."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    core = {_of_requirement(each) for each in project["dependencies"]}
    extra = {_of_requirement(each) for each in project["optional-dependencies"]["bot"]}
    agents, bots = _imported("baton", "commands"), _imported("alerts", "bot")
    signing = {_of_requirement(each) for each in project["optional-dependencies"]["signing"]}
    assert agents <= core | signing, "who signs and verifies installs its extra"
    assert signing <= extra
    assert bots <= core | extra
    by_name = {"tzdata", "asyncpg"}  # read as files; named by the URL of a database
    assert core | extra <= agents | bots | by_name


def _imported(*packages: str) -> set[str]:
    """The distributions that these packages of ours import."""
    known = dict(metadata.packages_distributions())
    known["pydantic_core"] = ["pydantic"]  # a part of it, which it pins to the last digit
    found = set()
    for file in (file for package in packages for file in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            found |= {name.partition(".")[0] for name in names}
    others = found - sys.stdlib_module_names - {"baton", "commands", "alerts", "bot"}
    return {_normal(known[name][0]) for name in others}


def _of_requirement(text: str) -> str:
    match = re.match(r"[\w.-]+", text)
    assert match is not None
    return _normal(match[0])


def test_make_help_lists_every_target() -> None:
    """Whoever types `make` sees what there is."""
    listed = subprocess.run(
        ["make", "-s"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env=_clean_environment(),
    ).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert re.findall(r"^make ([\w-]+)", listed, re.MULTILINE) == phony[1].split()


def test_an_old_python_is_refused_by_name(tmp_path: Path) -> None:
    """Who has only an old Python reads which one is needed, and no traceback."""
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    old.chmod(0o755)
    done = subprocess.run(
        ["sh", ".ci/venv", "bot"],
        cwd=ROOT,
        env=_clean_environment() | {"PYTHON": str(old)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "Python 3.9.2" in done.stderr


def test_while_packages_are_installed_something_moves(tmp_path: Path) -> None:
    """Whoever waits a minute at a terminal sees that it goes on, and nothing of it stays."""
    python = tmp_path / "python3"
    python.write_text(
        """#!/bin/sh
case "$*" in
*"venv --clear"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
*"pip --version"*) test -e .venv/bin/python ;;
*"pip install"*) echo Collecting apples; until [ -e go ]; do sleep 0.1; done ;;
esac
"""
    )
    python.chmod(0o755)
    master, terminal = pty.openpty()
    done = subprocess.Popen(
        ["sh", ROOT / ".ci/venv", "bot"],
        cwd=tmp_path,
        env=_clean_environment() | {"PYTHON": str(python)},
        stdin=subprocess.DEVNULL,
        stderr=terminal,
    )
    os.close(terminal)
    seen = b""
    while b"2 s  Collecting apples" not in seen:
        seen += os.read(master, 1000)
    (tmp_path / "go").touch()
    assert done.wait(10) == 0
    while not seen.endswith(b"\r\x1b[K"):
        seen += os.read(master, 1000)
    os.close(master)
    assert (tmp_path / ".venv/.bot").exists()


def _alive(pid: int) -> bool:
    """Is it there, and more than an entry that nobody has collected?"""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}


def test_files_are_in_memory_where_there_is_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And nowhere else; whoever has set TMPDIR keeps it."""
    monkeypatch.setattr(scratch, "MEMORY", str(tmp_path))
    for room, folder in ((2**60, None), (0, str(tmp_path))):
        monkeypatch.setattr(scratch, "ROOM", room)
        monkeypatch.delenv("TMPDIR", raising=False)
        scratch.keep_in_memory()
        assert os.environ.get("TMPDIR") == folder
    monkeypatch.setenv("TMPDIR", "/elsewhere")
    scratch.keep_in_memory()
    assert os.environ["TMPDIR"] == "/elsewhere"
