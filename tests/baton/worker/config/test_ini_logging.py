"""The log is set up by an INI only if nobody else may change what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from baton.worker.config.ini_logging import apply_logging
from baton.worker.config.rbit_ini import read_ini

INI = Path(__file__).parent / "ini" / "30-logging.ini"

TRIED = """
import json, logging, sys
from pathlib import Path
from baton.worker.config.ini_logging import apply_logging
from baton.worker.config.rbit_ini import read_ini
before = logging.getLogger("before")
file = Path(sys.argv[1])
reason = apply_logging(file, read_ini(file.read_bytes(), str(file)).logging)
rbit = logging.getLogger("rbit")
print(json.dumps([reason, rbit.level, logging.getLogger().level, before.disabled]))
"""


def test_the_log_is_set_up_and_what_logs_already_goes_on() -> None:
    """In a process of its own, whose log it is."""
    done = subprocess.run(
        [sys.executable, "-c", TRIED, str(INI)], capture_output=True, check=True, timeout=60
    )
    assert json.loads(done.stdout) == ["", 10, 30, False]


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_a_file_that_others_may_write_to_is_not_evaluated(mode: int, tmp_path: Path) -> None:
    file = tmp_path / "rbit.ini"
    mark = tmp_path / "evaluated"
    text = INI.read_text().replace("(sys.stderr,)", f"(open({str(mark)!r}, 'w'),)")
    file.write_text(text)
    file.chmod(mode)
    reason = apply_logging(file, read_ini(text.encode(), "rbit.ini").logging)
    assert reason == f"others may write to {file}: chmod go-w {file}"
    assert not mark.exists()


def test_a_file_of_somebody_else_is_not_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rbit.ini"
    file.write_text("")
    file.chmod(0o644)
    if os.geteuid() == 0:
        os.chown(file, 65534, -1)
    else:
        monkeypatch.setattr("os.geteuid", lambda: file.stat().st_uid + 1)
    reason = apply_logging(file, read_ini(INI.read_bytes(), "rbit.ini").logging)
    assert reason == f"{file} belongs to neither root nor this user: chown root {file}"


def test_what_cannot_be_used_is_told_and_hurts_nothing(tmp_path: Path) -> None:
    file = tmp_path / "rbit.ini"
    file.write_text("")
    file.chmod(0o600)
    sections = {"loggers": {"keys": "root"}, "handlers": {"keys": ""}, "formatters": {"keys": ""}}
    assert "Python cannot use it (KeyError: 'logger_root')" in apply_logging(file, sections)
    assert apply_logging(file, {"logger_root": {}}) == (
        "there is no [formatters] beside the other sections about the log"
    )
    assert apply_logging(file, {}) == ""
