"""Every reader of what people type or write: declared errors only, and never long.

What comes over HTTP is in tests/bot/web/test_fuzz.py, over the bus in
tests/baton/test_messages_bounds, from Slack in tests/bot/fronts/slack/listeners/test_admission.py.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.labels.matchers import Matchers
from alerts.settings import parse_alerts
from baton.agent.settings import AgentSettings
from baton.errors import BatonError, SettingsError
from baton.extensions import installed
from baton.settings import load
from baton.text.printable import printable
from baton.text.words import joined, plain, split
from baton.timing import calendar, durations
from bot.app.dispatching import commands_of
from bot.fronts.slack.listeners.admission import MAX_TYPED
from bot.schedules.hints import suggest_time
from bot.schedules.parser import parse_timing
from bot.settings import load_bot
from tests.support.quick import quickly

NOW = datetime(2026, 11, 26, tzinfo=UTC)
EXAMPLES = Path(__file__).parent.parent / "examples"
COMMANDS = commands_of(installed())


def _cron(text: str) -> None:
    if not calendar.cron_error(text):
        for clocks in (ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")):
            calendar.next_cron(text, NOW, clocks)
            calendar.last_cron(text, NOW, clocks)


READERS: dict[str, Callable[[str], object]] = {
    "words": COMMANDS.parse,
    "split": split,
    "plain": plain,
    "matchers": Matchers.parse,
    "times": lambda text: parse_timing(text.split(), NOW, "Europe/Berlin"),
    "hints": lambda text: suggest_time(text.split()),
    "length": lambda text: parse_timing(["every", text], NOW, "UTC"),
    "clock": lambda text: parse_timing(["at", text], NOW, "UTC"),
    "durations": durations.parse,
    "cron": _cron,
    "printable": printable,
}
HEADS = (
    "deploy shop prod --ref ",
    "schedule ping prod every 5m between ",
    "schedule ping prod cron ",
    "alerts silence ",
    "alerts silence a=b for ",
    "every ",
    "at ",
    "{a=~",
    "",
)
# lone halves of surrogate pairs are what bytes that are no UTF-8 become
# fmt: off
PUMPS = (
    'a', '1', '9', "'", '"', "a'", "' ", '"\\', '\\', '--', '--a=', '=', 'a,', ',', '<@U1',
    '<#C1>', '&amp;', '“', '— ', '漢 ', '\u202e', "\ud800", '`', '*', '{', '{1,', '[', '(', '1h',
    '1d ', 'and ', 'because ', 'host=~"a" ', '!~', '~=', '\x1b[', '\x1b]', '\x9b', 'deploy ',
    '/', '9am-', 'Europe/', 'UTC+', '1-5,', '0-59/1,', ' *', '2026-01-01 ',
)
# fmt: on
ANY = st.text(st.characters(categories=None), max_size=200)
CLOSE = st.lists(st.sampled_from([*PUMPS, *HEADS, *COMMANDS, "prod", "shop"]) | ANY, max_size=8)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("head", HEADS)
def test_the_longest_that_is_typed_is_read_at_once(reader: str, head: str) -> None:
    """Whatever is repeated in it."""
    for pump in PUMPS:
        text = (head + pump * MAX_TYPED)[:MAX_TYPED]
        quickly(partial(READERS[reader], text), BatonError, *_also(reader))


@pytest.mark.parametrize("reader", READERS)
@given(text=ANY | CLOSE.map("".join) | CLOSE.map(" ".join))
def test_anything_is_read_or_refused(reader: str, text: str) -> None:
    """By one of the errors that are declared."""
    quickly(partial(READERS[reader], text), BatonError, *_also(reader))


@given(CLOSE.map(" ".join))
def test_what_is_understood_is_understood_again(text: str) -> None:
    """Words that are put together are taken apart as they were; a command's title asks for it."""
    try:
        command = COMMANDS.parse(text)
    except BatonError:
        return
    assert split(joined(split(text))) == split(text)
    assert COMMANDS.parse(command.title()) == command


def _also(reader: str) -> tuple[type[Exception], ...]:
    return (ValueError,) if reader == "durations" else ()  # as pydantic wants it


FILES = {"alerts.toml": "alerts", "baton.toml": "bot", "agent.toml": "agent"}
DEEP = [
    "a = " + "[" * 20_000,
    "a = " + "[" * 400 + "]" * 400,
    "a" + ".a" * 5_000 + " = 1",
    "[" + "a." * 5_000 + "a]",
    "a = " + "9" * 20_000,
    "a = 1e" + "9" * 20_000,
    "[[a]]\n" * 5_000,
    'a = "' + "\\u0000" * 3_000 + '"',
    "a = 9999-99-99",
    'a = "\ud800"'.encode("utf-8", "replace").decode(),
    "\x00",
    "[allow]\nwho = 5",
    '[environments."prod-*"]\nprotected = true',
    "[environments]\nprod = 1",
    "allow = [[[]]]",
    "probe = [1]",
    "[[probe]]\nname = 5",
]


def _refused(name: str, text: str, folder: Path) -> str:
    """Why a file that holds `text` is refused, if it is."""
    file = folder / name
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        if name == "alerts.toml":
            parse_alerts(text, name)
        elif name == "baton.toml":
            load_bot(file, {})
        else:
            load(AgentSettings, file, {}, {})
    except SettingsError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("text", DEEP, ids=range(len(DEEP)))
def test_any_file_of_settings_is_read_or_refused(name: str, text: str, tmp_path: Path) -> None:
    """An error names the file; none is a traceback."""
    said = _refused(name, text, tmp_path)
    assert not said or name in said
    assert len(said) < 2_000


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
def test_a_file_with_something_else_in_it(
    name: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """As a hand that slips leaves one of the examples."""
    text = (EXAMPLES / name).read_text()
    text = "\n".join(
        line.removeprefix("# ") if "=" in line or line.startswith("# [") else line
        for line in text.splitlines()
    )
    at = data.draw(st.integers(0, len(text)))
    odd = st.sampled_from(["0", "[]", "{}", '""', "\n", "[", "=", "-1", "1e400", "9" * 5_000, "'"])
    to = at + data.draw(st.integers(0, 30))
    text = text[:at] + data.draw(odd | st.text(max_size=9)) + text[to:]
    said = _refused(name, text, tmp_path_factory.getbasetemp())
    assert not said or name in said
