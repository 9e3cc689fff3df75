"""The examples of rbit's README, from its own file to what comes of a job."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from baton.errors import Failed, SettingsError
from baton.worker.config.reading import read
from baton.worker.processors.registry import installed
from baton.worker.processors.runner import Runner
from tests.baton.worker.stage import PLAIN, Said, build, make_modules, work

MODULES = {
    # as its author would write it for a Python of today: `except KeyError as error`
    "hello": """
        import rbit

        def say_hello(build_request, settings={}):
            try:
                name = settings["name"]
            except KeyError as error:
                raise rbit.Failed("no setting %s" % error)
            print("Hello, %s: %s" % (name, build_request.get_package()))
            return []
        """,
    "acme_print": """
        import os, subprocess

        def make_print(build_request, settings={}):
            path = os.path.join(settings["output-dir"], "%s.pdf" % build_request.get_job_id())
            program = os.path.join(settings["print-dir"], "print")
            subprocess.check_call([program, build_request.transport.uri, path])
            return [path]
        """,
}


@pytest.fixture
def rbit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an rbit.ini and what its runners need."""
    make_modules(tmp_path, monkeypatch)
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
    for name, says in (("print", 'printf "print of $1" >"$2"'), ("html2pdf", 'echo "$2 -> $1"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{says}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "rbit.ini").write_text(
        textwrap.dedent(f"""
            [rbit]
            name = acme
            queue-mappings = any_any_hello:hello
                any_any_nameless:nameless
                any_any_latex_pdf:html2pdf
                any_any_legacy:legacy-print
            [amqp]
            host = mq
            user = u
            password = p
            virtual_host = v
            [runner:hello]
            runner = python!hello:say_hello
            name = Ross
            [runner:nameless]
            runner = python!hello:say_hello
            [runner:html2pdf]
            runner = shell!{tmp_path}/html2pdf %ID.pdf %URI
            [runner:legacy-print]
            runner = python!acme_print:make_print
            output-dir = {tmp_path}
            print-dir = {tmp_path}
            """)
    )
    return tmp_path


def runners(folder: Path) -> dict[str, Runner]:
    """The runners of the file, each checked as the worker does it when it starts."""
    processors, made = installed(), {}
    settings = read(folder / "rbit.ini", {}, processors.make).settings
    for name, one in settings.runner.items():
        made[name] = processors.make(name, one)
    return made


@pytest.mark.parametrize("key", ["python = /bin/sh", "output-dir = /srv", "timeout = 5m"])
def test_what_a_runner_does_not_use_is_for_others_in_default_and_else_an_error(
    rbit: Path, key: str
) -> None:
    """Of a program. A callable of Python gets whatever stands there."""
    file = rbit / "rbit.ini"
    text = file.read_text()
    file.write_text(f"[DEFAULT]\n{key}\n{text}".replace("/bin/sh", sys.executable))
    made = runners(rbit)
    assert made["html2pdf"].settings.settings == {}
    assert key.partition(" ")[0] in made["hello"].settings.settings
    line = text.split("\n").index("[runner:html2pdf]") + 1
    file.write_text(text.replace("[runner:html2pdf]", f"[runner:html2pdf]\n{key}"))
    name = key.partition(" ")[0]
    with pytest.raises(SettingsError) as raised:
        runners(rbit)
    assert str(raised.value) == (
        f"{file}, line {line + 1}: [runner:html2pdf] {name}: it has no effect on a program."
        " It must be left out here."
    )


async def test_hello_html2pdf_and_legacy_print(rbit: Path) -> None:
    """Each as it stands there: `rbit.Failed` is the text, settings arrive under their names, and
    what is returned is reported."""
    made, request = runners(rbit), build(id=12)
    said = Said()
    assert (await made["hello"].run(work(request), said)).artifacts == ()
    assert said.logged == ["Hello, Ross: html2pdf"]

    said = Said()
    with pytest.raises(Failed, match=r"^no setting 'name'$"):
        await made["nameless"].run(work(request), said)
    assert said.logged == []

    said = Said()
    await made["html2pdf"].run(work(request), said)
    assert said.logged == [f"{PLAIN['transport']['uri']} -> 12.pdf"]

    outcome = await made["legacy-print"].run(work(request), Said())
    (artifact,) = outcome.artifacts
    assert artifact.path == f"{rbit}/12.pdf"
    assert artifact.size == len(f"print of {PLAIN['transport']['uri']}")
