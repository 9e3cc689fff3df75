from __future__ import annotations

from pathlib import Path

import pytest

from tests.baton.worker.stage import MakeModule, make_modules


@pytest.fixture
def module(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> MakeModule:
    return make_modules(Path(tmp_path_factory.mktemp("modules")), monkeypatch)
