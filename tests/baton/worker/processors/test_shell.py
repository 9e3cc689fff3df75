"""`shell!`: a program for each job."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from baton.errors import Blocked, Failed, Refused, SettingsError
from baton.worker.processors.placeholders import BUILD
from baton.worker.work import Work
from tests.baton.worker.processors.test_placeholders import HOSTILE
from tests.baton.worker.stage import Said, build, runner, work
from tests.support.background import alive, starts
from tests.support.wait import until

WORDS = f"{sys.executable} -c 'import sys; print(ascii(sys.argv[1:]))'"


async def test_html2pdf_makes_a_file_and_reports_it(tmp_path: Path) -> None:
    """rbit's README: `shell!html2pdf %ID.pdf`; `artifacts` says what it makes, in its folder."""
    html2pdf = tmp_path / "html2pdf"
    html2pdf.write_text('#!/bin/sh\necho "to $1"\nprintf made >"$1"\n')
    html2pdf.chmod(0o755)
    made = runner(f"shell!{html2pdf} %ID.pdf", tmp_path, artifacts=["%ID.pdf"])
    said = Said()
    outcome = await made.run(work(build(id=12)), said)
    assert outcome.text == f"made {tmp_path}/12.pdf (4 B)"
    assert outcome.facts["artifacts_in_all"] == 1
    assert said.logged[0] == "to 12.pdf"
    assert said.logged[1].startswith(f"artifact {tmp_path}/12.pdf (4 B, sha256 ")


async def test_every_value_arrives_as_one_word(tmp_path: Path) -> None:
    """Through a real process, in the place of every placeholder at once: as many words as the
    configuration has, each as it came."""
    text = f"{WORDS} " + " ".join(f"-x{{{name}}}".replace("{", "%{") for name in BUILD)
    made = runner(f"shell!{text} -- %args.text", tmp_path, args={"text": {"type": "text"}})
    fields = [name.lower() for name in BUILD]

    async def arrives(value: str) -> None:
        said = Said()
        request = build(**dict.fromkeys(fields, value))
        await made.run(Work("j1", 1, "pdf", "report", {"text": value}, request), said)
        assert said.logged == [ascii([f"-x{value}"] * len(fields) + ["--", value])]

    # those that are shown as a whole
    await asyncio.gather(*(arrives(value) for value in HOSTILE if len(value) < 200))
    assert os.listdir(tmp_path) == []


async def test_declared_arguments_are_words_too() -> None:
    said = Said()
    args = {"month": {"type": "choice", "of": ["may", "june"]}, "copies": {"type": "integer"}}
    made = runner(f"shell!{WORDS} %args.month %args.copies %ID", args=args)
    await made.run(work(month="may", copies=3), said)
    assert said.logged == ["['may', '3', 'j1']"]


async def test_an_argument_that_was_left_out_is_an_empty_text() -> None:
    """The number of words stays; for a request that has no such argument the job is refused."""
    args = {"since": {"type": "date", "required": False}, "copies": {"type": "integer"}}
    made = runner(f"shell!{WORDS} --since=%args.since %args.since %args.copies", args=args)
    said = Said()
    await made.run(Work("j1", 1, "pdf", "report", made.settings.accept({"copies": 2})), said)
    assert said.logged == ["['--since=', '', '2']"]
    with pytest.raises(Refused, match=r"the request says nothing for %args\.\w+, which"):
        await made.run(work(), Said())


@pytest.mark.parametrize(
    ("command", "kind", "says"),
    [
        ("sh -c 'echo out of paper >&2; exit 3'", Failed, "^exit code 3: out of paper$"),
        ("sh -c 'exit 3'", Failed, "^exit code 3$"),
        ("sh -c 'kill -9 $$'", Failed, "^killed by SIGKILL$"),
        ("sh -c 'echo the printer is on fire; exit 75'", Blocked, "^the printer is on fire$"),
        ("sh -c 'exit 75'", Blocked, "^sh ended with exit code 75$"),
        ("no-such-program", Failed, "the program no-such-program was not found on this server"),
        ("true %SUITE", Refused, "the request says nothing for %SUITE"),
    ],
)
async def test_how_it_ended_is_said(command: str, kind: type[Exception], says: str) -> None:
    """0 is success, 75 (EX_TEMPFAIL) waits for something, any other code failed."""
    asked = work(month="may") if "SUITE" in command else work()
    with pytest.raises(kind, match=says):
        await runner(f"shell!{command}").run(asked, Said())


async def test_a_file_that_it_did_not_make_fails_the_job(tmp_path: Path) -> None:
    made = runner("shell!true", tmp_path, artifacts=["%ID.pdf"])
    with pytest.raises(Failed, match=r"the artifact .*/7\.pdf cannot be read: it is not there"):
        await made.run(work(), Said())


@pytest.mark.parametrize("id_", ["../secret", "/etc/passwd"])
async def test_a_value_does_not_report_a_file_elsewhere(tmp_path: Path, id_: str) -> None:
    """What an id says is in the folder of the runner, or is not taken."""
    folder = tmp_path / "jobs"
    folder.mkdir()
    (tmp_path / "secret.pdf").write_text("secret")
    made = runner("shell!true", folder, artifacts=["%ID"])
    request = build(id="../secret.pdf" if id_.startswith("..") else id_)
    with pytest.raises(Failed, match=r"is not in .*/jobs"):
        await made.run(work(request), Said())


@pytest.mark.parametrize("kind", ["session", "daemon", "nohup"])
async def test_cancel_ends_what_it_started(tmp_path: Path, kind: str) -> None:
    """Also what has left its group and its session."""
    script = tmp_path / "script"
    script.write_text(f"{starts(kind, tmp_path / 'pid')}\nsleep 300\n")
    task = asyncio.create_task(runner(f"shell!sh {script}", tmp_path).run(work(), Said()))
    await until((tmp_path / "pid").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(tmp_path / "pid")


async def test_its_limits_and_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its runner names, and little else; a variable named like a password is masked."""
    monkeypatch.setenv("PRINTER_PASSWORD", "geheim17")
    monkeypatch.setenv("OTHER", "x")
    text = "sleep 0.2; ulimit -n; pwd; echo $PRINTER_PASSWORD; echo ${OTHER-none}"
    said = Said()
    made = runner(f"shell!sh -c '{text}'", tmp_path, files=99, pass_env=["PRINTER_PASSWORD"])
    await made.run(work(), said)
    assert said.logged == ["99", str(tmp_path), "•••", "none"]


async def test_systemd_holds_all_that_it_starts_if_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`scope = true` with `memory`: a stand-in for systemd-run says how it was called."""
    run = tmp_path / "systemd-run"
    run.write_text('#!/bin/sh\necho "$@"\nwhile [ "$1" != -- ]; do shift; done\nshift; exec "$@"\n')
    run.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("baton.worker.processors.limits.SYSTEMD", tmp_path)
    said = Said()
    await runner("shell!echo %ID", memory="1GB", scope=True).run(work(), said)
    assert said.logged[0].endswith(
        "--scope --quiet --collect -p MemoryMax=1073741824 -p MemorySwapMax=0 -- echo 7"
    )
    assert said.logged[1] == "7"


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"scope": True}, "runner.report.scope: without `memory`, there is nothing to hold"),
        ({"scope": True, "memory": "1GB"}, "systemd does not run this machine"),
        (
            {"artifacts": ["%IDX.pdf"], "folder": "/tmp"},
            "runner.report.artifacts: '%IDX.pdf' is not valid. It must",
        ),
    ],
)
def test_settings_that_cannot_hold_are_refused(
    keys: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baton.worker.processors.limits.SYSTEMD", Path("/no/such"))
    with pytest.raises(SettingsError, match=says):
        runner("shell!true", **keys)
