"""docs/worker.md: its examples are read, made and run."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from baton.errors import Failed
from baton.process.program import INHERITED
from baton.worker.artifacts import MOST
from baton.worker.processors.placeholders import BUILD
from baton.worker.processors.registry import Processors, installed
from baton.worker.settings import RunnerSettings
from tests.baton.worker.stage import Said, runner, work

PAGE = (Path(__file__).parents[1] / "docs" / "worker.md").read_text()


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The modules of the page."""
    for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        name = re.match(r"# (\w+)\.py\n", text)
        assert name is not None
        (tmp_path / f"{name[1]}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def tables(kind: str) -> dict[str, dict[str, Any]]:
    """The tables `[KIND.NAME]` of the page."""
    found: dict[str, dict[str, Any]] = {}
    for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL):
        found |= tomllib.loads(text).get(kind, {})
    return found


@pytest.mark.usefixtures("modules")
async def test_its_runners_can_be_made_and_do_jobs() -> None:
    processors = installed()
    made = {
        name: processors.make(name, RunnerSettings.model_validate(table))
        for name, table in tables("runner").items()
        if name in ("greet", "convert", "print")
    }
    assert len(made) == 3
    said = Said()
    await made["greet"].run(work(), said)
    assert said.logged == ["Hello html2pdf"]
    said = Said()
    await runner("python!reports:fetch").run(work(month="may"), said)
    assert said.logged == ["month may"]


@pytest.mark.usefixtures("modules")
async def test_its_processor_does_a_job() -> None:
    """As an extension's author would write it, from what the page imports."""
    from printing import factory  # type: ignore[import-not-found]

    processors = Processors({"printer": factory})
    said = Said()
    outcome = await runner("printer!lp1", processors=processors).run(work(), said)
    assert (outcome.text, said.told) == ("printed on lp1", [("printing", 50)])
    with pytest.raises(Failed, match="the printer is broken"):
        await runner("printer!broken", processors=processors).run(work(), Said())


def test_what_it_lists_is_what_there_is() -> None:
    """Variables, placeholders, the exit code that waits, the number of artifacts, settings."""
    for name in (*INHERITED, *(f"%{one}" for one in BUILD)):
        assert f"`{name}`" in PAGE
    assert f"exit code {os.EX_TEMPFAIL} (`EX_TEMPFAIL`)" in PAGE
    assert f"At most {MOST:,} are taken" in PAGE
    for key in re.findall(r"^\| `([a-z_]+)[`, =]", PAGE, re.MULTILINE):
        assert key in RunnerSettings.model_fields
