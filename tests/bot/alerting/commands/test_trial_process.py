"""A trial of other settings is a program of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts import trial
from alerts.replay import Gap, dump_lines
from bot.alerting.commands.trial_process import run_trial

TEXT = 'channel = "C_OPS"\n'


async def test_a_folder_called_alerts_does_not_hide_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program is `python -P -m alerts.trial`: it looks for no module where the bot stands."""
    assert trial.__name__ == "alerts.trial"
    (tmp_path / "alerts").mkdir()
    (tmp_path / "alerts" / "__init__.py").write_text("raise SystemExit('not ours')")
    file = tmp_path / "2026-11-24.jsonl"
    file.write_text("\n".join(dump_lines([Gap(1_800_000_000.0)])))
    monkeypatch.chdir(tmp_path)
    found = await run_trial(file, TEXT, TEXT, 60)
    assert (list(found.gone), list(found.new)) == ([], [])
