"""What is written to the log."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from bot.logs import LogFormat, LogLevel, set_up_logs


@pytest.fixture
def as_before() -> Iterator[None]:
    kept, root = structlog.get_config(), logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    structlog.configure(**kept)
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.mark.parametrize("form", [LogFormat.JSON, LogFormat.LOGFMT, LogFormat.CONSOLE])
def test_an_error_is_logged_without_secrets(
    as_before: None, capsys: pytest.CaptureFixture[str], form: LogFormat
) -> None:
    """The traceback says where it was, and not what was in the variables there."""
    set_up_logs(LogLevel.INFO, form)
    token = "".join(["xoxb", "-secret"])
    try:
        raise RuntimeError(f"of {len(token)} letters")
    except RuntimeError:
        structlog.get_logger().exception("a part failed")
    said = capsys.readouterr().err
    assert "of 11 letters" in said
    assert "test_an_error_is_logged_without_secrets" in said
    assert token not in said
    if form is LogFormat.JSON:
        assert json.loads(said)["exception"][0]["exc_type"] == "RuntimeError"
