"""The programs in bench/ run: with tiny sizes, and nothing asserted about time."""

from __future__ import annotations

import importlib
import inspect

import pytest

from bench.__main__ import PROGRAMS, main
from bench.harness import Options, percentile


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_program_runs(name: str, amqp_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each program measures what it says, to its end, and prints figures."""
    program = importlib.import_module(f"bench.{name}")
    assert inspect.iscoroutinefunction(program.main)
    await program.main(Options(quick=True, rounds=1, bus=amqp_url))
    said = capsys.readouterr().out
    assert any(unit in said for unit in (" ms", " us", "/s"))
    assert "nan" not in said


def test_the_programs_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m bench` alone runs nothing and names every program with its purpose."""
    assert main([]) == 0
    said = capsys.readouterr().out.splitlines()
    for name in PROGRAMS:
        assert any(line.startswith(f"{name} ") and len(line.split()) > 3 for line in said)


def test_an_unknown_program_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt name measures nothing, and says so."""
    assert main(["speed", "--quick"]) == 2
    assert "speed" in capsys.readouterr().err


def test_percentile_is_the_nearest_rank() -> None:
    """At least so many percent of the values do not exceed it."""
    values = [float(value) for value in range(1, 101)]
    assert percentile(values, 99) == 99
    assert percentile(values, 50) == 50
    assert percentile([3.0], 99) == 3.0
