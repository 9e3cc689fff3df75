"""What is written to the log."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from bot.cli.logs import LogFormat, LogLevel, set_up_logs


@pytest.mark.parametrize("form", [LogFormat.JSON, LogFormat.LOGFMT, LogFormat.CONSOLE])
def test_an_error_is_logged_without_secrets(
    capsys: pytest.CaptureFixture[str], form: LogFormat
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


NASTY = (
    "\x1b]52;c;eA==\x07a\x1b[31mb\x9b2Jc\u202ed\u2066e\x00f\r\ntimestamp=2026 level=info event=well"
)


@pytest.mark.parametrize("form", [LogFormat.JSON, LogFormat.LOGFMT, LogFormat.CONSOLE])
def test_what_others_sent_obeys_nobody(capsys: pytest.CaptureFixture[str], form: LogFormat) -> None:
    """Whatever stands in a value, in a container or in an object: no escape sequence, control or
    bidi character reaches the terminal, and one entry is one line."""

    class Thing:
        def __repr__(self) -> str:
            return NASTY

    set_up_logs(LogLevel.INFO, form)
    structlog.get_logger().info(
        f"event {NASTY}",
        text=NASTY,
        nested={NASTY: [NASTY, (NASTY,)]},
        thing=Thing(),
        error=ValueError(NASTY),
    )
    logging.getLogger("a.library").warning("%s", NASTY)
    said = capsys.readouterr().err
    lines = said.splitlines()
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines), said
    assert "timestamp=2026" in said


def test_an_exception_keeps_its_lines_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """A traceback is read by lines; what its error says is as safe as any value."""
    for form in (LogFormat.CONSOLE, LogFormat.LOGFMT, LogFormat.JSON):
        set_up_logs(LogLevel.INFO, form)
        try:
            raise RuntimeError(NASTY)
        except RuntimeError:
            structlog.get_logger().exception("failed")
        said = capsys.readouterr().err
        assert all(line.isprintable() for line in said.split("\n")), said
