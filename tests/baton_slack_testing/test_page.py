"""docs/slack-testing.md: its bot and its test are run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import baton_slack_testing

PAGE = (Path(__file__).parents[2] / "docs" / "slack-testing.md").read_text()


async def test_the_example_runs() -> None:
    """Whoever copies it has a test that passes."""
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.S | re.M)
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, "slack-testing.md", "exec"), names)
    await names["test_echo"]()


def test_the_faults_that_it_names_are_there() -> None:
    """And every fault that is there is named."""
    (row,) = re.findall(r"^\| faults \| (.*) \|$", PAGE, re.M)
    named = set(re.findall(r"`([A-Z][A-Za-z]+)(?=[`(])", row))
    faults = {"Fails", "Hang", "LostRequest", "LostResponse", "RateLimited", "RateLimits"}
    assert named == faults | {"ServerError", "Slow"}
    assert named <= set(baton_slack_testing.__all__)
