"""A callable in an interpreter of its own: what it may do to it, and how it is ended."""

from __future__ import annotations

import ast
import asyncio
import os
import sys
from pathlib import Path

import psutil
import pytest

from baton.errors import Failed
from baton.worker.processors import child
from baton.worker.processors.runner import Runner
from tests.baton.worker.stage import PLAIN, MakeModule, Said, calls, runner, work
from tests.support.background import alive, starts
from tests.support.wait import until

# What misbehaves


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("os._exit(3)", "the interpreter ended before .*:run returned: exit code 3"),
        ("os.kill(os.getpid(), 11)", "returned: killed by SIGSEGV"),
        ("sys.exit(3)", r"it called sys.exit\(3\), and returned nothing"),
        ("return ['/' + 'a' * 2_000_000]", "it returned more than 1000000 bytes of paths"),
        ("return ['/tmp/\\udcff']", "is not a path that can be written as text"),
        ("return ['/tmp'] * 2", "the artifact /tmp is not a plain file"),
        ("os.close(1); os.close(2); raise ValueError('shut')", "ValueError: shut"),
        ("raise Odd()", "Odd: its text cannot be made"),
        ("return __import__('threading').Lock()", "it returned a lock, not a list"),
        ("[os.write(n, b'{]\\n') for n in SOCKETS]; os._exit(0)", "its answer cannot be read"),
        (
            "[os.write(n, b'x' * 2_000_000) for n in SOCKETS]",
            "its answer has more than 1,000,000 bytes",
        ),
    ],
)
async def test_a_callable_that_does_not_behave_fails_and_says_how(
    module: MakeModule, body: str, says: str
) -> None:
    text = f"""
    import os, stat, sys

    class Odd(Exception):
        def __str__(self):
            raise RuntimeError

    def run(request, settings):
        global SOCKETS
        SOCKETS = [n for n in range(3, 50) if is_socket(n)]
        {body}

    def is_socket(n):
        try:
            return stat.S_ISSOCK(os.fstat(n).st_mode)
        except OSError:
            return False
    """
    with pytest.raises(Failed, match=says):
        await calls(module, text).run(work(), Said())


async def test_a_copy_that_it_forks_does_not_answer_for_it(module: MakeModule) -> None:
    """The copy returns from the callable too: its answer would be taken for the job's."""
    text = """
    import os, time
    def run(request, settings):
        pid = os.fork()
        if pid == 0:
            return ["/the/copy"]
        os.waitpid(pid, 0)
        return []
    """
    outcome = await calls(module, text).run(work(), Said())
    assert outcome.artifacts == ()


@pytest.mark.parametrize("answers", [True, False])
async def test_what_it_starts_does_not_hold_its_answer_back(
    module: MakeModule, tmp_path: Path, answers: bool
) -> None:
    """A process in the background keeps all that it inherited; the job is over nevertheless, also
    if no answer came."""
    text = f"""
    import os, time
    def run(request, settings):
        if os.fork() == 0:
            open("{tmp_path}/pid", "w").write(str(os.getpid()))
            time.sleep(300)
            os._exit(0)
        while not os.path.exists("{tmp_path}/pid"):
            time.sleep(0.01)
        if not {answers}:
            os._exit(0)
    """
    try:
        async with asyncio.timeout(20):
            if answers:
                await calls(module, text).run(work(), Said())
            else:
                with pytest.raises(Failed, match=r"ended before .* returned: exit code 0"):
                    await calls(module, text).run(work(), Said())
    finally:
        os.kill(int((tmp_path / "pid").read_text()), 9)


async def test_a_program_that_it_starts_cannot_answer_for_it(module: MakeModule) -> None:
    """The socket to the worker is closed in whatever it executes."""
    text = """
    import subprocess
    def run(request, settings):
        script = "for n in /proc/self/fd/*; do readlink $n; done | grep -c socket:"
        print(subprocess.run(["sh", "-c", script], close_fds=False, stdout=-1).stdout.decode())
    """
    said = Said()
    await calls(module, text).run(work(), said)
    assert said.logged[0] == "0"


@pytest.mark.slow
async def test_a_flood_of_output_does_not_fill_the_memory(module: MakeModule) -> None:
    """100 MB come line by line, and go on their way as they come."""
    text = """
    import sys
    def run(request, settings):
        for _ in range(100):
            sys.stdout.write("x" * 1_000_000)
        sys.stdout.write("\\n")
        sys.stdout.write("last\\n")
    """
    before = psutil.Process().memory_info().rss
    said = Said()
    await calls(module, text).run(work(), said)
    assert said.logged[-1] == "last"
    assert sum(map(len, said.logged)) < 1_000_000
    assert psutil.Process().memory_info().rss - before < 60_000_000


# Cancel and time


@pytest.mark.parametrize("kind", ["session", "deaf", "daemon"])
async def test_cancel_ends_all_that_it_started(
    module: MakeModule, tmp_path: Path, kind: str
) -> None:
    """Its interpreter, which ignores SIGTERM, and what left its group."""
    text = f"""
    import os, signal, subprocess, time
    def run(request, settings):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.call(["sh", "-c", {starts(kind, tmp_path / "pid")!r}])
        open("{tmp_path}/me", "w").write(str(os.getpid()))
        time.sleep(300)
    """
    made = calls(module, text)
    task = asyncio.create_task(made.run(work(), Said()))
    await until((tmp_path / "me").exists)
    for _ in range(2):  # the second one does not wait for the end of the grace
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not alive(tmp_path / "pid") and not alive(tmp_path / "me"))


async def test_it_may_take_as_long_as_its_runner_says(module: MakeModule) -> None:
    text = "import time\ndef run(request, settings): time.sleep(300)"
    with pytest.raises(Failed, match=r"time limit of 0.3 s \(timeout of runner report\)"):
        await calls(module, text, timeout=0.3).run(work(), Said())


async def test_an_async_callable_is_cancelled_as_any_task(module: MakeModule) -> None:
    text = """
    import asyncio
    async def run(request, settings):
        try:
            await asyncio.sleep(300)
        finally:
            print("undone")
    """
    said = Said()
    task = asyncio.create_task(calls(module, text).run(work(), said))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert said.logged == ["undone"]


async def test_a_thread_cannot_be_stopped_and_its_end_is_awaited(module: MakeModule) -> None:
    """The slot is not free while its work goes on."""
    text = """
    import time
    def run(request, settings):
        time.sleep(0.4)
        print("ended")
    """
    said = Said()
    made = calls(module, text, thread=True, timeout=0.1)
    with pytest.raises(Failed, match=r"time limit of 0\.1 s"):
        await made.run(work(), said)
    assert said.logged == ["ended"]


async def test_its_environment_and_folder_are_those_of_its_runner(
    module: MakeModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not named does not reach it."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    text = (
        "import os\ndef run(request, settings): print(os.getcwd(), 'SLACK_BOT_TOKEN' in os.environ)"
    )
    said = Said()
    await calls(module, text, folder=tmp_path).run(work(), said)
    assert said.logged == [f"{tmp_path} False"]


async def test_its_limits_hold_before_it_begins(module: MakeModule) -> None:
    text = """
    import resource
    def run(request, settings):
        for what in (resource.RLIMIT_AS, resource.RLIMIT_NOFILE, resource.RLIMIT_CPU):
            print(resource.getrlimit(what)[0])
    """
    said = Said()
    await calls(module, text, memory="512MB", files=100, cpu="90s").run(work(), said)
    assert said.logged == [str(512 * 1024 * 1024), "100", "90"]


async def test_who_uses_too_much_processor_time_reads_which_limit(module: MakeModule) -> None:
    text = "def run(request, settings):\n    while True: pass"
    with pytest.raises(Failed, match=r"SIGXCPU \(it used more than 1.0 s of .* limit `cpu`\)"):
        await calls(module, text, cpu=1).run(work(), Said())


# Other interpreters

OTHERS = sorted(Path.home().glob(".pyenv/versions/*/bin/python"))


@pytest.mark.parametrize(
    "python",
    [python for python in OTHERS if python.parts[-3].startswith(("2.7", "3.6", "3.13"))]
    or [pytest.param(Path("none"), marks=pytest.mark.skip("no other interpreter is installed"))],
    ids=lambda python: python.parts[-3] if len(python.parts) > 2 else "none",
)
async def test_an_old_interpreter_without_baton_will_do(
    module: MakeModule, tmp_path: Path, python: Path
) -> None:
    """`python = /path`: old runners stay where their libraries are."""
    text = """
    import sys, rbit
    def run(build_request, settings={}):
        sys.stderr.write("%d %s\\n" % (sys.version_info[0], build_request.transport.uri))
        if settings["what"] == "fail":
            raise rbit.Failed("f\\xe4iled" if sys.version_info[0] > 2 else u"f\\xe4iled")
        if settings["what"] == "raise":
            raise KeyError("k")
        open(settings["path"], "w").write("made")
        return [settings["path"]]
    """
    source = module(text)
    path = str(tmp_path / "made")

    def doing(what: str) -> Runner:
        settings = {"what": what, "path": path}
        return runner(
            f"python!{source}:run", python=python, pass_env=["PYTHONPATH"], settings=settings
        )

    said = Said()
    outcome = await doing("make").run(work(), said)
    assert [one.path for one in outcome.artifacts] == [path]
    assert said.logged[0][1:] == f" {PLAIN['transport']['uri']}"
    with pytest.raises(Failed, match="fäiled"):
        await doing("fail").run(work(), Said())
    with pytest.raises(Failed, match=r"^KeyError: 'k'$"):
        await doing("raise").run(work(), Said())


def test_the_child_has_the_syntax_of_old_interpreters() -> None:
    """Where none is installed to try it with: Python 3.6 is the oldest whose syntax ours knows."""
    text = Path(child.__file__).read_text()
    tree = ast.parse(text, feature_version=(3, 6))
    imported = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported <= sys.stdlib_module_names
