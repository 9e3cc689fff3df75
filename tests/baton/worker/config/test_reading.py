"""A worker's settings file is read whole, or refused with all that is wrong and where."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.errors import SettingsError
from baton.worker.config.reading import WorkerFile, read
from baton.worker.settings import RunnerSettings

TOML = """\
[bus]
url = "amqp://baton:secret@mq/"

[worker]
environment = "prod"
name = "build-1"

[queues]
reports = "report"

[runner.report]
runner = "shell!make report"
summary = "Make the report of a month."
args.month = { type = "choice", of = ["may", "june"] }
"""

INI = """\
[rbit]
name = bob
queue-mappings = any_any_latex_pdf:print

[amqp]
host = mq
user = u
password = p/w

[runner:print]
runner = shell!html2pdf %ID.pdf
output-dir = /srv/pdf
"""


class Wrong(SettingsError):
    pass


def check(name: str, runner: RunnerSettings) -> None:
    """Refuses what a registry of processors refuses."""
    wrong = {
        "sehll": ("there is no processor sehll (did you mean shell?)", "one of python, shell"),
        "python": ("missing.module cannot be imported (No module named 'missing')", "installed"),
    }
    problem = wrong.get(runner.processor)
    if "!" not in runner.runner:
        problem = ("it names no processor", "PROCESSOR!ARGUMENTS")
    if "%NOPE" in runner.runner:
        problem = ("there is no placeholder %NOPE", "one of %ID, %URI")
    if problem:
        key = f"runner.{name}.runner"
        raise SettingsError(file="worker.toml", key=key, problem=problem[0], must=problem[1])


def reading(
    folder: Path, text: str, name: str, environ: Mapping[str, str] | None = None
) -> WorkerFile:
    file = folder / name
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    return read(file, environ or {}, check)


def problems(folder: Path, text: str, name: str = "worker.toml") -> list[str]:
    try:
        reading(folder, text, name)
    except SettingsError as error:
        return str(error).replace(f"{folder}/", "").splitlines()
    return []


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


def test_a_worker_toml_is_read(tmp_path: Path) -> None:
    settings = reading(tmp_path, TOML, "worker.toml").settings
    assert settings.worker.name == "build-1"
    assert settings.queues["reports"].runner == "report"
    assert settings.runner["report"].args["month"].of == ("may", "june")


def test_an_ini_of_rbit_is_read_as_it_is(tmp_path: Path) -> None:
    file = reading(tmp_path, INI, "rbit.ini")
    settings = file.settings
    assert file.notes == ()
    assert settings.bus.urls == ["amqp://u:p%2Fw@mq:5672/%2F"]
    assert (settings.worker.name, settings.pybit.cancels) == ("bob", "bob")
    assert settings.worker.environment == "prod"
    assert settings.queues["any_any_latex_pdf"].foreign
    assert settings.runner["print"].handed == {
        "runner": "shell!html2pdf %ID.pdf",
        "output-dir": "/srv/pdf",
    }
    assert settings.runner["print"].timeout == 86_400.0


def test_variables_override_the_file_and_an_error_names_the_variable(tmp_path: Path) -> None:
    environ = {"BATON_WORKER_NAME": "build-2", "BATON_BUS_URL": "amqp://other/"}
    for text, name in ((TOML, "worker.toml"), (INI, "rbit.ini")):
        settings = reading(tmp_path, text, name, environ).settings
        assert (settings.worker.name, settings.bus.urls) == ("build-2", ["amqp://other/"])
    with pytest.raises(SettingsError) as error:
        reading(tmp_path, TOML, "worker.toml", {"BATON_WORKER_NAME": "a b"})
    assert str(error.value).startswith("the environment variable BATON_WORKER_NAME: [worker] name:")


def test_a_setting_that_is_named_as_ours_is_the_runners_own_in_an_ini(tmp_path: Path) -> None:
    """rbit handed everything to the runner: a `timeout` there was never one of the worker."""
    text = INI + "timeout = never\nname = World\npython = /bin/sh\n"
    runner = reading(tmp_path, text, "rbit.ini").settings.runner["print"]
    assert runner.handed["timeout"] == "never"
    assert runner.handed["name"] == "World"
    assert runner.handed["python"] == "/bin/sh"
    assert runner.python == Path("/bin/sh")


def test_what_rbit_did_not_read_either_is_noted_with_its_line(tmp_path: Path) -> None:
    text = changed(INI, "name = bob", "name = bob\nbox = 7") + "[web]\nurl = x\n"
    text = changed(text, "any_any_latex_pdf:print", "\n  q:print\n  nothing\n")
    text = changed(text, "[runner:print]", "[runner:print it]")
    notes = reading(tmp_path, changed(text, "q:print", "q:print-it"), "r.ini").notes
    assert [note.replace(f"{tmp_path}/", "") for note in notes] == [
        "r.ini, line 17: [web]: this section is not read",
        "r.ini, line 14: [runner:print it]: it is called print-it here",
        "r.ini, line 3: [rbit] box: this key is not read",
        "r.ini, line 6: [rbit] queue-mappings: “nothing” is no QUEUE:RUNNER, and is left out",
    ]


def test_a_runner_that_no_queue_uses_is_left_out_of_an_ini(tmp_path: Path) -> None:
    """rbit's own example has three: it never imported them. A worker.toml says it is an error."""
    text = INI + "[runner:spare]\nrunner = python!no.such:thing\n"
    file = reading(tmp_path, text, "rbit.ini")
    assert list(file.settings.runner) == ["print"]
    (note,) = file.notes
    assert note.endswith("line 13: [runner:spare]: no queue uses this runner, and it is left out")


def test_sections_about_the_log_are_kept_for_whoever_may_use_them(tmp_path: Path) -> None:
    text = INI + "[logger_root]\nlevel = WARN\n[handlers]\nkeys = console ; one\n"
    file = reading(tmp_path, text, "rbit.ini")
    assert file.logging == {"logger_root": {"level": "WARN"}, "handlers": {"keys": "console"}}
    assert file.notes == ()


def test_all_errors_are_told_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = changed(TOML, 'name = "build-1"', "nmae = 1")
    text = changed(text, 'summary = "', "concurrency = 0\nsummary = 7\ntimeot = 3 # ")
    assert [line.partition(": ")[0] for line in problems(tmp_path, text)] == [
        f"worker.toml, line {number}" for number in (6, 13, 14, 15)
    ]


IN_TOML: list[tuple[str, str, str]] = [
    # a piece of the file, what stands there instead, the error: line, section and key, problem
    ("[queues]", "[quues]", "8: [quues]: there is no such key (did you mean queues?)"),
    ("[worker]", "[wroker]", "4: [wroker]: there is no such key (did you mean worker?)"),
    ('name = "', 'nmae = "', "6: [worker] nmae: there is no such key (did you mean name?)"),
    ('name = "', 'colour = "', "6: [worker] colour: there is no such key. It must be one of dr"),
    ("summary", "sumary", "13: [runner.report] sumary: there is no such key (did you mean summ"),
    ("runner = ", "runer = ", "12: [runner.report] runer: there is no such key (did you mean ru"),
    ("type", "tpye", "14: [runner.report] args.month.tpye: there is no such key (did you mean t"),
    ('environment = "prod"\n', "", "4: [worker] environment: is not set. It must be an envir"),
    ('environment = "prod"', "environment = 7", "5: [worker] environment: invalid value 7. It m"),
    ('"prod"', '"a prod"', "5: [worker] environment: invalid value 'a prod'. It must be letters, "),
    ('"build-1"', '"build 1"', "6: [worker] name: invalid value 'build 1'. It must be letters, d"),
    ("amqp://baton:secret@mq/", "http://x", "2: [bus] url: invalid value. It must be amqp://, a"),
    ("amqp://baton:secret@mq/", "", "2: [bus] url: is not set. It must be a URL such as"),
    ('[bus]\nurl = "amqp://baton:secret@mq/"\n', "", "[bus] url: is not set. It must be a URL"),
    ('"report"\n', '"reprot"\n', "9: [queues] reports: there is no such runner as reprot (did yo"),
    ('reports = "report"', "", "8: [queues]: there is no queue. It must be a table [queues] of"),
    ('= "report"', '= "report"\nreports = "report"', "10: this line: it is not valid TOML (it is"),
    ('= "report"', "= { runer = 1 }", "9: [queues] reports.runer: there is no such key (did you"),
    ('reports = "', '"a b" = "', "9: [queues] a b: invalid value 'a b'. It must be"),
    ('"report"\n', '{ runner = "report", foreign = 1.5 }\n', "9: [queues] reports.foreign: invali"),
    ("shell!make report", "make report", "12: [runner.report] runner: it names no processor"),
    ("shell!make", "sehll!make", "12: [runner.report] runner: there is no processor sehll (did y"),
    ("shell!make report", "python!missing.module:main", "12: [runner.report] runner: missing.mod"),
    ("shell!make report", "shell!make %NOPE", "12: [runner.report] runner: there is no placehold"),
    ('runner = "shell!make report"\n', "", "11: [runner.report] runner: is not set"),
    (
        "[runner.report]",
        "[runner.x]\nrunner = 'shell!a'\n[runner.report]",
        "11: [runner.x]: no que",
    ),
    ("summary", "concurrency = 0\nsummary", "13: [runner.report] concurrency: invalid value 0. It"),
    ("summary", "timeout = 'soon'\nsummary", "13: [runner.report] timeout: invalid value 'soon'."),
    (
        "summary",
        "retry = 'yes'\nsummary",
        "13: [runner.report] retry: invalid value 'yes'. It must",
    ),
    (
        "summary",
        "folder = '/nowhere'\nsummary",
        "13: [runner.report] folder: there is no folder /n",
    ),
    (
        "summary",
        "python = '/nowhere'\nsummary",
        "13: [runner.report] python: /nowhere is no progra",
    ),
    (
        "summary",
        "memory = '12'\nsummary",
        "13: [runner.report] memory: invalid value '12'. It must",
    ),
    (
        "summary",
        "pass_env = 'HOME'\nsummary",
        "13: [runner.report] pass_env: invalid value 'HOME'.",
    ),
    ("summary", "settings = 3\nsummary", "13: [runner.report] settings: invalid value 3. It must"),
    ("args.month", "args.Month", "14: [runner.report] args.Month: invalid value 'Month'. It must"),
    ("args.month", "args.help", "14: [runner.report] args.help: invalid value 'help'. It must be"),
    ('"choice"', '"chioce"', "14: [runner.report] args.month.type: invalid value 'chioce'. It mu"),
    (', of = ["may", "june"]', "", "14: [runner.report] args.month: invalid value. It must be a c"),
    ('["may", "june"]', '"may"', "14: [runner.report] args.month.of: invalid value 'may'. It must"),
    ('["may", "june"]', "[5, 6]", "14: [runner.report] args.month.of: invalid value. It must be a"),
    (
        "] }",
        "], default = 'x' }",
        "14: [runner.report] args.month: invalid value. It must be given",
    ),
    ("[worker]", "[pybit]\nurl = 'pybit'\n[worker]", "5: [pybit] url: invalid value 'pybit'. It"),
    ("[worker]", "[pybit]\ncancels = 'reports'\n[worker]", "5: [pybit] cancels: reports is a queu"),
    ("summary = ", "summary = 'x' ", "13: this line: it is not valid TOML"),
    ("[worker]", "[worker", "4: this line: it is not valid TOML"),
    ("prod", "\udce9", "5: this line: it is not UTF-8. It must be a text in UTF-8"),
]


@pytest.mark.parametrize(("old", "new", "problem"), IN_TOML)
def test_an_error_in_toml_names_section_key_line_and_remedy(
    old: str, new: str, problem: str, tmp_path: Path
) -> None:
    found = problems(tmp_path, changed(TOML, old, new))
    assert found[:1] != []
    at = "worker.toml, line " if problem[0].isdigit() else "worker.toml: "
    assert any(line.startswith(at + problem) for line in found), found
    assert all(". It must be " in line for line in found), found
    assert "secret" not in " ".join(found)


IN_INI: list[tuple[str, str, str]] = [
    ("[rbit]", "[rbti]", "1: [rbti]: there is no such section (did you mean rbit?)"),
    ("[amqp]\nhost = mq\nuser = u\npassword = p/w\n", "", "[amqp]: there is no such section. It"),
    ("[runner:print]", "[runer:print]", "10: [runer:print]: there is no such section (did you me"),
    ("queue-mappings", "queue_mappings", "3: [rbit] queue_mappings: there is no such key (did yo"),
    ("password", "pasword", "8: [amqp] pasword: there is no such key (did you mean password?)"),
    ("host = mq", "port = many", "6: [amqp] port: invalid value 'many'. It must be a port, such"),
    ("host = mq", "host = a b", "5: [amqp]: invalid value. It must be"),
    (":print\n", ":prnit\n", "3: [rbit] queue-mappings: there is no such runner as prnit (did yo"),
    (":print\n", ":print a:print a:b\n", "3: [rbit] queue-mappings: the queue a stands here twice"),
    ("any_any_latex_pdf:print", "", "3: [rbit] queue-mappings: there is no queue. It must be"),
    ("queue-mappings = any_any_latex_pdf:print", "", "1: [rbit] queue-mappings: there is no queu"),
    ("name = bob", "name = bob the builder", "2: [rbit] name: invalid value 'bob the builder'. It"),
    ("runner = shell!html2pdf %ID.pdf\n", "", "10: [runner:print] runner: is not set. It must be"),
    ("shell!html2pdf", "sehll!html2pdf", "11: [runner:print] runner: there is no processor sehll"),
    ("shell!html2pdf", "python!missing:x", "11: [runner:print] runner: missing.module cannot be"),
    ("shell!html2pdf %ID.pdf", "shell!x %NOPE", "11: [runner:print] runner: there is no placehold"),
    ("output-dir", "python = py\noutput-dir", "12: [runner:print] python: invalid value 'py'. It "),
    (
        "[runner:print]",
        "[runner:print!]\nrunner = a\n[runner:print]",
        "12: [runner:print]: another",
    ),
    ("[runner:print]", "[runner:-]\nrunner = a\n[runner:print]", "10: [runner:-]: it has no name."),
    ("[rbit]\n", "", "1: this line: it stands before the first [section]. It must be a [section]"),
    ("output-dir = /srv/pdf", "output-dir", "12: this line: it is neither an option nor a [secti"),
    ("output-dir = /srv/pdf", "x = \udce9", "12: this line: it is not UTF-8. It must be a text i"),
    ("any_any_latex_pdf:", "a&b:", "3: [rbit] queue-mappings: invalid value 'a&b'. It must be"),
    ("any_any_latex_pdf:", "bob:", "2: [rbit] name: bob is a queue of jobs too. It must be a que"),
    ("[amqp]", "[pybit]\nurl = ftp://x\n[amqp]", "6: [pybit] url: invalid value. It must be an a"),
]


@pytest.mark.parametrize(("old", "new", "problem"), IN_INI)
def test_an_error_in_an_ini_names_section_key_line_and_remedy(
    old: str, new: str, problem: str, tmp_path: Path
) -> None:
    found = problems(tmp_path, changed(INI, old, new), "rbit.ini")
    at = "rbit.ini, line " if problem[0].isdigit() else "rbit.ini: "
    assert any(line.startswith(at + problem) for line in found), found
    assert all(". It must be " in line for line in found), found
    assert "p/w" not in " ".join(found)


def test_forty_broken_files_and_more_are_tried() -> None:
    assert len(IN_TOML) + len(IN_INI) >= 40


@pytest.mark.parametrize("name", ["missing.toml", "folder"])
def test_a_file_that_cannot_be_read_is_one_error(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(SettingsError) as error:
        read(tmp_path / name, {})
    assert "the file itself" in str(error.value)


SCRAPS = st.lists(
    st.sampled_from(
        [*INI.splitlines(keepends=True), *TOML.splitlines(keepends=True), "[", "=", " ", "\n", "é"]
    )
    | st.text(max_size=6),
    max_size=30,
).map("".join)


@given(
    data=SCRAPS.map(str.encode) | st.binary(max_size=200), name=st.sampled_from([".toml", ".ini"])
)
def test_whatever_a_file_holds_it_is_read_or_told_what_is_wrong(data: bytes, name: str) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"worker{name}"
        file.write_bytes(data)
        with suppress(SettingsError):
            read(file, {}, check)
