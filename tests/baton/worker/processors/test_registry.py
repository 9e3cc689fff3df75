"""Which processors there are, and what stands before and after the `!`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from baton.errors import BatonError, Failed, SettingsError
from baton.worker.processors import registry
from baton.worker.processors.protocol import Output, Processor
from baton.worker.processors.registry import Processors, installed
from baton.worker.settings import RunnerSettings
from baton.worker.work import Result, Work
from tests.baton.worker.stage import Said, runner, work
from tests.support.distributions import distribution


class Echo(Processor):
    """Returns, or raises, what it was made with."""

    def __init__(self, what: Any) -> None:
        self.what = what

    @override
    async def run(self, work: Work, output: Output) -> Result:
        if isinstance(self.what, BaseException):
            raise self.what
        returned: Result = self.what
        return returned


def processors(what: Any) -> Processors:
    return Processors({"echo": lambda settings, arguments: Echo(what)})


def test_three_are_built_in() -> None:
    assert sorted(installed().factories) == ["http", "python", "shell"]


FACTORY = "def factory(settings, arguments):\n    raise RuntimeError('never')\nnothing = 7\n"


def test_others_are_found_and_those_that_cannot_be_used_are_named(site: Path) -> None:
    """Two distributions with one name, a broken one, one that is no factory, one by a name of
    ours: each is left out, and whoever uses it reads why. The rest is not affected."""
    (site / "acme_made.py").write_text(FACTORY)
    made = "acme_made:factory"
    for name, *points in (
        ("acme", f"ansible = {made}", f"make = {made}"),
        ("other", f"ansible = {made}"),
        ("broken", "salt = acme_lost:factory"),
        ("odd", "odd = acme_made:nothing"),
        ("taker", f"shell = {made}"),
    ):
        distribution(site, name, "1.0", *points, group="baton.processors")

    found = installed()
    assert sorted(found.factories) == ["http", "make", "python", "shell"]
    for text, says in (
        ("ansible!x", r"ansible is installed but cannot be used: acme 1.0 .* and other 1.0 .*"),
        ("salt!x", r"salt is installed .* does not load \(ModuleNotFoundError: .*acme_lost"),
        ("odd!x", "odd is installed but cannot be used: it is no factory"),
        ("make!x", r"the processor make failed \(RuntimeError: never\)"),
    ):
        with pytest.raises(SettingsError, match=says) as raised:
            runner(text, processors=found)
        assert str(raised.value).startswith("worker.toml: runner.report.runner: ")
    assert "taker" in found.broken["shell"]
    runner("shell!true", processors=found)
    with pytest.raises(BatonError, match="strict"):
        installed(strict=True)
    assert len(registry.installed_processors()) == 9


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("html2pdf", r"'html2pdf' names no processor. It must be PROCESSOR!ARGUMENTS, such as"),
        ("acme.html:convert", r"is python!acme.html:convert meant\?"),
        ("shel!make", r"no such processor \(did you mean shell\?\). It must be one of http, "),
        ("Shell!make", "there is no such processor"),
        ("!make", "there is no such processor"),
        ("jenkins!make", "'jenkins': there is no such processor. It must be one of http, python"),
    ],
)
def test_what_names_no_processor_says_what_to_write(text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        runner(text)


def test_the_first_exclamation_mark_ends_the_name() -> None:
    """What follows is the processor's own, with all that is in it."""
    seen: list[str] = []

    def factory(settings: RunnerSettings, arguments: str) -> Processor:
        seen.append(arguments)
        return Echo(Result())

    runner("echo!a !b!", processors=Processors({"echo": factory}))
    assert seen == ["a !b!"]


@pytest.mark.parametrize(
    ("text", "keys", "says"),
    [
        ("http!http://x/", {"memory": "1GB"}, "report.memory: it has no effect on a service"),
        ("http!http://x/", {"pass_env": ["A"]}, "report.pass_env: it has no effect on a service"),
        ("http!http://x/", {"python": "/bin/sh"}, "report.python: it has no effect on a service"),
        (
            "http!http://x/",
            {"settings": {"token": "t", "month": "may"}},
            "report.settings.month: it has no effect on a service",
        ),
        ("shell!true", {"thread": True}, "report.thread: it has no effect on a program"),
        ("shell!true", {"python": "/bin/sh"}, "report.python: it has no effect on a program"),
        (
            "shell!true",
            {"settings": {"api_token": "t", "month": "may"}},
            "report.settings.month: it has no effect on a program",
        ),
        (
            "shell!true",
            {"folder": "/tmp", "artifacts_url": "http://x"},
            "report.artifacts_url: it has no effect on a program without `artifacts`",
        ),
        ("python!asyncio:wait_for", {"cpu": "1m"}, "report.cpu: it has no effect on a callable th"),
        (
            "python!shutil:move",
            {"folder": "/tmp", "artifacts": ["x"]},
            "report.artifacts: it has no effect on a callable, which returns what it made",
        ),
    ],
)
def test_a_setting_that_would_do_nothing_is_refused(
    text: str, keys: dict[str, Any], says: str
) -> None:
    """Who relies on a limit must know that there is none."""
    with pytest.raises(SettingsError, match=says):
        runner(text, **keys)


# What a processor of others may do


@pytest.mark.parametrize(
    ("what", "says"),
    [
        (None, "TypeError: its processor returned NoneType, no Result"),
        (ValueError("x"), "^ValueError: x$"),
        (TimeoutError("slow"), "^TimeoutError: slow$"),
        (SettingsError(file="f", key="k", problem="p", must="m"), "^f: k: p. It must be m.$"),
        (Failed("one\ntwo\t three"), "^one two three$"),
        (Failed("x" * 5_000), "^x{999}…$"),
    ],
)
async def test_whatever_it_raises_the_job_fails_with_one_line(what: Any, says: str) -> None:
    with pytest.raises(Failed, match=says):
        await runner("echo!", processors=processors(what)).run(work(), Said())


async def test_what_it_says_is_the_text_of_the_job(tmp_path: Path) -> None:
    made = tmp_path / "a"
    made.write_text("a")
    result = Result((str(made),), "built\nin a hurry")
    outcome = await runner("echo!", processors=processors(result)).run(work(), Said())
    assert outcome.text == "built in a hurry"
    assert outcome.artifacts[0].path == str(made)
