"""Has a recording decided by two alerts.toml: by a program of its own, which may take a while."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from alerts import trial
from alerts.changes import load


async def run_trial(file: Path, old: str, new: str, seconds: float) -> trial.Trial:
    """Return what comes of the recording in `file` by the texts of two alerts.toml. Raises
    TrialFailed, also after so many seconds: the program is ended then."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", trial.__name__, str(file)),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        async with asyncio.timeout(seconds):
            out, err = await program.communicate(json.dumps([old, new]).encode())
    except TimeoutError:
        reason = f"that takes longer than {seconds:g} s: baton alerts replay has no such limit"
        raise trial.TrialFailed(file=file.name, reason=reason) from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            program.kill()
        await program.wait()
    if program.returncode:
        last = err.decode(errors="replace").strip().rpartition("\n")[2]
        raise trial.TrialFailed(file=file.name, reason=last or f"exit code {program.returncode}")
    return load(trial.Trial, json.loads(out))
