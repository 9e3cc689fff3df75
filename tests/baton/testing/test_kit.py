from __future__ import annotations

import asyncio
from typing import ClassVar

import pytest
from pydantic import BaseModel

from baton.bus.messages import State
from baton.command import Command
from baton.consumer import Consumer, Extension
from baton.errors import ExtensionError, Failed, Refused, SettingsError
from baton.fields import Name
from baton.outcome import Answer
from baton.run import UPDATE_LIMIT, Run
from baton.server import Server
from baton.testing import Kit
from tests.support.wait import until

CHATTER = "\n".join(f"line {number} {'x' * (number % 90)}" for number in range(5000))


class Greet(Command):
    """Greet somebody."""

    name: ClassVar[str] = "greet"
    whom: Name
    loud: bool = False


class GreetSettings(BaseModel):
    greeting: str = "Hi"


class GreetConsumer(Consumer[Greet]):
    command: ClassVar[type[Command]] = Greet
    settings_type = GreetSettings

    async def process_message(self, run: Run[Greet]) -> None:
        run.notify_info("thinking", step="think", percent=50)
        run.notify_log("hm")
        run.notify_log("hmm")
        if run.command.whom == "chatter":
            run.notify_log(CHATTER)
        if run.command.whom == "nobody":
            raise Refused("There is nobody.")
        if run.command.whom == "error":
            raise ZeroDivisionError("division by zero")
        if run.command.whom == "failure":
            raise Failed("It did not work.")
        if run.command.whom == "never":
            await asyncio.Event().wait()
        if run.command.whom == "quiet":
            return
        run.notify_success(f"{self.settings.greeting}, {run.command.whom}", whom=run.command.whom)


KIT = Kit(
    Extension(Greet, GreetConsumer),
    settings={"greeting": "Hello"},
    server=Server("prod", fqdn="web-1"),
)


def test_what_is_typed_becomes_a_command() -> None:
    """The kit reads what people type, as every front end does."""
    assert KIT.parses("greet Ann --loud") == Greet(whom="Ann", loud=True)


async def test_an_ask_is_told_whole() -> None:
    """State, last word, output, steps, progress and facts of an ask are at hand."""
    asked = await KIT.ask("greet Ann")
    assert asked.state is State.SUCCEEDED
    assert asked.text == "Hello, Ann"
    assert asked.log == "hm\nhmm"
    assert asked.said == ["thinking", "Hello, Ann"]
    assert (asked.steps, asked.percents) == (["think"], [50, 100])
    assert asked.facts == {"whom": "Ann"}
    assert [update.sequence for update in asked.updates] == [1, 2, 3, 4]


async def test_long_output_arrives_whole_and_is_cut_at_line_ends() -> None:
    """However much is said at once, no update is too long and no line is torn."""
    asked = await KIT.ask("greet chatter")
    assert asked.log == f"hm\nhmm\n{CHATTER}"
    assert max(len(update.text) for update in asked.updates) <= UPDATE_LIMIT


@pytest.mark.parametrize(
    ("whom", "state", "text"),
    [
        ("nobody", State.REFUSED, "There is nobody."),
        ("failure", State.FAILED, "It did not work."),
        ("error", State.FAILED, "ZeroDivisionError: division by zero"),
        ("quiet", State.SUCCEEDED, ""),
    ],
)
async def test_errors_end_an_ask_as_on_an_agent(whom: str, state: State, text: str) -> None:
    """What is raised becomes the same state and words as on a server."""
    asked = await KIT.ask(f"greet {whom}")
    assert (asked.state, asked.text) == (state, text)


async def test_an_ask_can_be_cancelled_and_times_out() -> None:
    """A cancelled run is cancelled, and one that takes too long has failed."""
    asked = KIT.start("greet never")
    await until(lambda: "thinking" in asked.said)
    asked.cancel()
    assert (await asked.ended()).state is State.CANCELLED
    asked = await KIT.ask("greet never", timeout=0.05)
    assert asked.state is State.FAILED
    assert "exceeded its time limit of" in asked.text


async def test_mistakes_of_the_author_are_told() -> None:
    """Wrong settings, and asking a server for what no server does, are errors of their own."""
    with pytest.raises(SettingsError, match=r"greet\.greeting"):
        Kit(Extension(Greet, GreetConsumer), settings={"greeting": 1})
    with pytest.raises(ExtensionError, match="no consumer"):
        Kit(Extension(Greet)).start("greet Ann")


def test_the_bots_own_answers() -> None:
    """A command that the bot answers by itself is asked through answers()."""

    class Count(Command):
        """Count."""

        name: ClassVar[str] = "count"

        def answer(self, known: object) -> Answer:
            return Answer("none")

    assert Kit(Extension(Count)).answers("count") == Answer("none")
