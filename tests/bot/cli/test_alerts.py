"""`baton alerts check` and `replay`: an alerts.toml, tried before any bot goes by it."""

from __future__ import annotations

from pathlib import Path

from alerts import Sample
from bot.alerting.recorder import append
from tests.alerts.harness import START, thing
from tests.bot.cli.program import WITHOUT_EXTRA, ran

OLD = 'channel = "C_OPS"\ngroup_by = ["host"]\n[thresholds]\ndown_after = 1\n'


async def test_check(tmp_path: Path) -> None:
    """What is in a good file; of a bad one the line and the reason, and exit code 2."""
    file = tmp_path / "alerts.toml"
    file.write_text(OLD)
    code, out, _ = await ran("alerts", "check", str(file))
    assert (code, out) == (0, f"{file} is valid: notifications go to C_OPS.\n")
    file.write_text(OLD.replace("= 1", '= "x"'))
    code, _, err = await ran("alerts", "check", str(file))
    assert code == 2
    assert err.startswith(f"baton: {file}, line 4: thresholds.down_after:")


async def test_replay(tmp_path: Path) -> None:
    """The messages that differ, and exit code 1; 0 if none does, 2 if there is nothing to read."""
    old, new, recording = (tmp_path / name for name in ("old.toml", "new.toml", "x.jsonl"))
    old.write_text(OLD)
    new.write_text(OLD.replace("C_OPS", "C_PAGER"))
    append(recording, [Sample(thing(), True, START), Sample(thing("web-2"), False, START + 60)])
    words = ("alerts", "replay", str(recording), "--old", str(old), "--new")
    code, out, _ = await ran(*words, str(new))
    assert code == 1
    assert out.splitlines() == [
        "+ 2025-06-15 15:07:10 C_PAGER firing: http web-1 in prod",
        "- 2025-06-15 15:07:10 C_OPS firing: http web-1 in prod",
        "Of 2 records: 1 message would no longer be sent, 1 would be new, 0 would stay.",
    ]
    code, out, _ = await ran(*words, str(old))
    assert (code, out) == (0, "Of 2 records no message would differ: 1 message either way.\n")
    recording.unlink()
    code, _, err = await ran(*words, str(old))
    assert code == 2
    assert "No such file" in err
    code, _, err = await ran("alerts", "replay", str(old), "--old", str(old), "--new", str(new))
    assert code == 2
    assert "it is not a recording" in err


async def test_they_come_with_the_bot() -> None:
    """On a server with nothing but the agent, what is missing is said."""
    code, _, err = await ran("alerts", "check", "x", before=WITHOUT_EXTRA)
    assert code == 2
    assert "extra `bot`" in err
