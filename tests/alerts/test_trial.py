"""The trial program: a bot that is upgraded while it runs starts the new one by its old name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from alerts.observation import Sample
from alerts.replay import dump_lines
from tests.alerts.harness import START, thing


def test_what_it_is_given_and_what_it_prints(tmp_path: Path) -> None:
    """It reads both texts of alerts.toml from standard input and prints the result as JSON."""
    file = tmp_path / "2026-11-26.jsonl"
    bad = [Sample(thing(), True, START + at, "status 502") for at in range(3)]
    file.write_text("\n".join([*dump_lines(bad), "torn"]))
    old = 'channel = "C_OPS"\ngroup_wait = "0s"\n'
    texts = [old, old.replace("C_OPS", "C_WEB")]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "alerts.trial", str(file)],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    found = json.loads(done.stdout)
    message = {"at": START + 2, "state": "firing", "title": "http web-1 in prod", "mention": ""}
    assert found == {
        "seen": 3,
        "torn": 1,
        "same": 0,
        "gone": [{**message, "channel": "C_OPS"}],
        "new": [{**message, "channel": "C_WEB"}],
    }
