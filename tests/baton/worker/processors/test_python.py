"""`python!`: callables in an interpreter of their own, in the worker's loop, in a thread."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import pytest

from baton.errors import Blocked, Failed, Refused, SettingsError
from tests.baton.worker.stage import MakeModule, Said, build, calls, runner, work


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


async def test_an_async_callable_of_another_interpreter_is_awaited_there(
    module: MakeModule,
) -> None:
    """With `python` nothing of it is imported in the worker."""
    text = "import asyncio, os\nasync def run(request, settings): print(os.getpid())"
    said = Said()
    await calls(module, text, python=sys.executable).run(work(), said)
    assert said.logged[0].isdigit()
    assert said.logged != [str(os.getpid())]


@pytest.mark.parametrize("how", ["", "async ", "thread"])
@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        ("import rbit; raise rbit.Failed('no paper')", Failed, "no paper"),
        ("import rbit; raise rbit.Blocked('the printer is on fire')", Blocked, "is on fire"),
        ("import baton; raise baton.Failed('no paper')", Failed, "no paper"),
        ("import baton; raise baton.Blocked('m9003 is locked')", Blocked, "m9003 is locked"),
        ("import baton; raise baton.Refused('not on Sundays')", Refused, "not on Sundays"),
        ("import sys; sys.exit(3)", Failed, r"it called sys.exit\(3\), and returned nothing"),
        ("import rbit; raise rbit.Failed", Failed, "the runner report gave no reason"),
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
    """The trace begins in the callable: Baton's own frames say nothing to its author. A password of
    its settings is in neither."""
    word = "" if how == "thread" else how
    text = f"""
    {word}def run(request, settings):
        helper()

    def helper():
        raise ValueError("two\\nlines: geheim17")
    """
    said = Said()
    made = calls(module, text, thread=how == "thread", settings={"password": "geheim17"})
    with pytest.raises(Failed, match=r"^ValueError: two lines: •••$"):
        await made.run(work(), said)
    trace = "\n".join(said.logged)
    assert trace.startswith("Traceback")
    assert "in helper" in trace
    assert "lines: •••" in trace
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
