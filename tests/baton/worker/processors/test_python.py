"""`python!`: callables in an interpreter of their own, in the worker's loop, in a thread."""

from __future__ import annotations

import ast
import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from baton.errors import Blocked, Failed, Refused, SettingsError
from baton.worker.processors import child
from baton.worker.processors.runner import Runner
from tests.baton.worker.stage import PLAIN, MakeModule, Said, build, runner, work
from tests.support.background import alive, starts
from tests.support.wait import until


def calls(module: MakeModule, text: str, name: str = "run", **keys: Any) -> Runner:
    """A runner of the callable `name` in a module with this text."""
    return runner(f"python!{module(text)}:{name}", pass_env=["PYTHONPATH"], **keys)


# The examples of rbit's README

HELLO = """
    import rbit

    def hello(build_request, settings={}):
        try:
            name = settings["name"]
        except KeyError as error:
            raise rbit.Failed("no setting %s" % error)
        print("Hello, %s: %s" % (name, build_request.get_package()))
        return []
"""
HTML2PDF = """
    import os
    import rbit

    def convert(build_request, settings={}):
        if build_request.get_format() != "pdf":
            raise rbit.Failed("it makes pdf, not %s" % build_request.get_format())
        path = os.path.join(settings["output-dir"], "%s.pdf" % build_request.get_job_id())
        with open(path, "w") as made:
            made.write(build_request.transport.uri)
        return [path]
"""
LEGACY_PRINT = """
    def make_print(build_request, settings={}):
        print(settings["runner"], settings["python"], settings["print-dir"])
        print(build_request.job.packageinstance.suite.name, build_request.get_buildenv())
"""


async def test_hello_with_a_name(module: MakeModule) -> None:
    said = Said()
    outcome = await calls(module, HELLO, "hello", settings={"name": "Ann"}).run(work(), said)
    assert said.logged == ["Hello, Ann: html2pdf"]
    assert (outcome.text, outcome.artifacts) == ("", ())


async def test_hello_without_a_name_fails_as_it_says(module: MakeModule) -> None:
    """rbit.Failed is the text and nothing more: no trace for what a runner says on purpose."""
    said = Said()
    with pytest.raises(Failed, match=r"^no setting 'name'$"):
        await calls(module, HELLO, "hello").run(work(), said)
    assert said.logged == []


async def test_html2pdf_reports_what_it_made(module: MakeModule, tmp_path: Path) -> None:
    made = calls(module, HTML2PDF, "convert", settings={"output-dir": str(tmp_path)})
    outcome = await made.run(work(), Said())
    (artifact,) = outcome.artifacts
    assert artifact.path == str(tmp_path / "7.pdf")
    assert artifact.size == len(PLAIN["transport"]["uri"])
    with pytest.raises(Failed, match="it makes pdf, not epub"):
        await made.run(work(build(format="epub")), Said())


async def test_legacy_print_gets_every_setting_as_rbit_gave_it(module: MakeModule) -> None:
    """`runner` itself is among the settings, and all that the file says beside."""
    said = Said()
    settings = {"python": "/opt/print/bin/python", "print-dir": "/opt/print"}
    made = calls(module, LEGACY_PRINT, "make_print", settings=settings)
    await made.run(work(), said)
    assert said.logged == [
        f"{made.settings.runner} /opt/print/bin/python /opt/print",
        "latex None",
    ]


# How it is called, and what comes back


@pytest.mark.parametrize(
    ("definition", "says"),
    [
        ("def run(request, settings): print(request.get_suite(), settings['a'])", "latex 1"),
        ("def run(request, *, settings): print(request.get_suite(), settings['a'])", "latex 1"),
        ("def run(request): print(request.get_suite())", "latex"),
        ("def run(*both): print(both[0].get_suite(), both[1]['a'])", "latex 1"),
        ("class run:\n  def __new__(cls, request, settings): print(settings['a'])", "1"),
        ("async def run(request, settings): print(request.get_suite(), settings['a'])", "latex 1"),
        ("async def run(request, *, settings): print(settings['a'])", "1"),
    ],
)
async def test_it_is_called_with_the_build_request_and_its_settings(
    module: MakeModule, definition: str, says: str
) -> None:
    said = Said()
    made = calls(module, definition, settings={"a": 1})
    await made.run(work(), said)
    assert said.logged == [says]


@pytest.mark.parametrize("how", ["", "async ", "thread"])
@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        ("import rbit; raise rbit.Failed('no paper')", Failed, "no paper"),
        ("import rbit; raise rbit.Blocked('the printer is on fire')", Blocked, "is on fire"),
        ("import baton; raise baton.Failed('no paper')", Failed, "no paper"),
        ("import baton; raise baton.Blocked('m9003 is locked')", Blocked, "m9003 is locked"),
        ("import baton; raise baton.Refused('not on Sundays')", Refused, "not on Sundays"),
        ("return 'text'", Failed, "it returned a str, not a list of absolute paths"),
        ("return [1]", Failed, "its list of absolute paths holds an int"),
        ("return object()", Failed, "it returned an object, not a list"),
        ("return ['report.pdf']", Failed, "'report.pdf' is not an absolute path"),
        ("return ['/no/such']", Failed, "the artifact /no/such cannot be read: it is not there"),
    ],
)
async def test_how_it_ends_is_said_the_same_wherever_it_runs(
    module: MakeModule, how: str, body: str, kind: type[Exception], says: str
) -> None:
    """In an interpreter of its own, in the worker's loop, in a thread."""
    word = "" if how == "thread" else how
    made = calls(module, f"{word}def run(request, settings): {body}", thread=how == "thread")
    said = Said()
    with pytest.raises(kind, match=says):
        await made.run(work(), said)
    assert said.logged == []


@pytest.mark.parametrize("how", ["", "async ", "thread"])
async def test_any_other_exception_is_one_line_with_its_trace_in_the_log(
    module: MakeModule, how: str
) -> None:
    """The trace begins in the callable: Baton's own frames say nothing to its author."""
    word = "" if how == "thread" else how
    text = f"""
    {word}def run(request, settings):
        helper()

    def helper():
        raise ValueError("two\\nlines")
    """
    said = Said()
    with pytest.raises(Failed, match=r"^ValueError: two lines$"):
        await calls(module, text, thread=how == "thread").run(work(), said)
    trace = "\n".join(said.logged)
    assert trace.startswith("Traceback")
    assert "in helper" in trace
    assert trace.count("  File ") == 2


@pytest.mark.parametrize("how", ["", "async ", "thread"])
async def test_what_it_prints_is_the_log_with_its_colours(module: MakeModule, how: str) -> None:
    """Line by line, and not what else the worker prints meanwhile; passwords are masked."""
    word = "" if how == "thread" else how
    text = f"""
    import sys
    {word}def run(request, settings):
        print("\\x1b[32mgreen\\x1b[0m")
        sys.stderr.write("error\\n")
        print(settings["password"])
    """
    said = Said()
    made = calls(module, text, thread=how == "thread", settings={"password": "geheim17"})
    await made.run(work(), said)
    assert said.logged == ["\x1b[0;32mgreen\x1b[0m", "error", "•••"]


async def test_the_output_of_two_jobs_in_the_loop_is_not_mixed(module: MakeModule) -> None:
    """Each print goes to the job whose code it is in, though one interpreter runs both."""
    text = """
    import asyncio
    async def run(request, settings):
        for _ in range(3):
            print(request.get_job_id())
            await asyncio.sleep(0)
    """
    made = calls(module, text)
    one, two = Said(), Said()
    out = sys.stdout
    await asyncio.gather(made.run(work(build(id=1)), one), made.run(work(build(id=2)), two))
    assert (one.logged, two.logged) == (["1"] * 3, ["2"] * 3)
    assert sys.stdout is out


async def test_arguments_of_a_command_are_in_the_build_request(module: MakeModule) -> None:
    """Who asks for a runner here gives it what PyBit would, by the names of the arguments."""
    text = """
    def run(request, settings):
        print(request.get_job_id(), request.get_package(), request.get_version())
        print(request.arguments.month, request.transport.uri, request.get_suite())
    """
    said = Said()
    await calls(module, text).run(work(month="may", version="2.0"), said)
    assert said.logged == ["j1 report 2.0", "may None None"]


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


async def test_what_it_starts_does_not_hold_its_answer_back(
    module: MakeModule, tmp_path: Path
) -> None:
    """A process in the background keeps all that it inherited; the job is over nevertheless."""
    text = f"""
    import os, time
    def run(request, settings):
        if os.fork() == 0:
            open("{tmp_path}/pid", "w").write(str(os.getpid()))
            time.sleep(300)
            os._exit(0)
        while not os.path.exists("{tmp_path}/pid"):
            time.sleep(0.01)
    """
    try:
        async with asyncio.timeout(20):
            await calls(module, text).run(work(), Said())
    finally:
        os.kill(int((tmp_path / "pid").read_text()), 9)


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


# Bad configurations


@pytest.mark.parametrize(
    ("text", "keys", "says"),
    [
        ("python!", {}, "no callable is named"),
        ("python!acme.html", {}, "'acme.html' names no callable. It must be python!package"),
        ("python!acme html:x", {}, "names no callable"),
        ("python!no.such.module:run", {}, r"cannot use no.such.module:run \(ModuleNotFoundError"),
        ("python!os:no_such", {}, "AttributeError"),
        ("python!os:sep", {}, "it is a str, which cannot be called"),
        ("python!os:getcwd", {}, r"it takes \(\), and is called with \(build_request, settings\)"),
        ("python!os:getcwd", {"python": "/no/such"}, "report.python: /no/such cannot be started"),
        ("python!os:getcwd", {"folder": "/no/such"}, "cannot be started in /no/such"),
        ("python!antigravity_exit:run", {}, "cannot use antigravity_exit:run"),
        (
            "python!asyncio:sleep",
            {"thread": True},
            "report.thread: it cannot be used with an async callable",
        ),
    ],
)
def test_what_cannot_be_called_is_refused_when_the_file_is_read(
    text: str, keys: dict[str, Any], says: str
) -> None:
    """Section, key, what was wrong and what to do; nothing is called."""
    with pytest.raises(SettingsError, match=says) as raised:
        runner(text, **keys)
    assert str(raised.value).startswith("worker.toml: runner.report.")


def test_a_module_that_exits_when_it_is_imported_is_named(module: MakeModule) -> None:
    with pytest.raises(SettingsError, match="SystemExit: bye"):
        calls(module, "import sys; sys.exit('bye')")
    with pytest.raises(SettingsError, match="and ended at once: exit code 9"):
        calls(module, "import os; os._exit(9)")
