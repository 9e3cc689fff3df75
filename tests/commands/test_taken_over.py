"""README: a bot that is taken over can ask for nothing else than what an agent's own file names."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from baton.agent.service import Service
from baton.agent.settings import AGENT_VARIABLES, AgentSettings
from baton.bus.api import API
from baton.bus.channel import Delivery
from baton.bus.connect import connect
from baton.bus.exchanges import INPUT, OUTPUT, Queue, host_key
from baton.bus.messages import (
    Look,
    Message,
    Person,
    Probe,
    Probed,
    Request,
    State,
    Update,
    decode,
    new_id,
    now,
)
from baton.extensions import installed
from baton.settings import load
from commands.probes import LocalProber
from tests.support.wait import until

FILE = """
[bus]
url = "memory://{name}"
[server]
environment = "prod"
fqdn = "web-1"
[agent]
state = "{folder}"
[checks.disk]
command = ["/bin/echo", "all is well"]
[deploy.shop]
repository = "{folder}/repository"
path = "{folder}/shop"
"""


class TakenOver:
    """Whoever may write to the input exchange, and what an agent of those settings says to it."""

    def __init__(self, folder: Path) -> None:
        self.name = new_id()
        self.file = folder / "agent.toml"
        self.file.write_text(FILE.format(name=self.name, folder=folder))
        self.heard: list[Message] = []

    async def start(self) -> None:
        self.channel = await connect(f"memory://{self.name}", owner=True)
        await self.channel.wait_up()
        ears = Queue("ears")
        await self.channel.declare(ears, [(OUTPUT, "#")])
        await self.channel.consume(ears, self._hear)
        settings = load(AgentSettings, self.file, AGENT_VARIABLES, {})
        self.agent = await Service.from_settings(
            settings, installed(), file=str(self.file), prober=LocalProber.of(settings)
        )
        self.running = asyncio.create_task(self.agent.run())
        await until(lambda: self.heard)  # its first heartbeat

    async def stop(self) -> None:
        self.agent.stop()
        await self.running
        await self.channel.close()

    async def _hear(self, delivery: Delivery) -> None:
        self.heard.append(decode(delivery.envelope.body))
        await delivery.ack()

    async def ask(self, message: Message) -> Message:
        """The last word of the agent about `message`."""
        self.heard.clear()
        await API(self.channel).publish(INPUT, host_key("web-1"), message, mandatory=True)

        def ended() -> Message | None:
            for one in self.heard:
                if isinstance(one, Probed) or (isinstance(one, Update) and one.state.final):
                    return one
            return None

        answer = await until(ended)
        assert answer is not None
        return answer


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[TakenOver]:
    made = TakenOver(tmp_path)
    await made.start()
    yield made
    await made.stop()


def request(**changes: Any) -> Request:
    """To deploy shop, and what is other than that."""
    fields: dict[str, Any] = {
        "job": new_id(),
        "command": "deploy",
        "arguments": {"app": "shop", "environment": "prod"},
        "environment": "prod",
        "host": "web-1",
        "deadline": now() + timedelta(minutes=1),
        "requester": Person(id="U_EVE"),
    }
    return Request(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"command": "shell", "arguments": {"line": "touch FILE"}},
            "command “shell” is not installed on this server",
        ),
        ({"arguments": {"app": "other", "environment": "prod"}}, "other"),
        ({"arguments": {"app": "../shop", "environment": "prod"}}, "app"),
        ({"arguments": {"app": "shop", "environment": "prod", "steps": [["touch", "FILE"]]}}, ""),
        (
            {
                "arguments": {
                    "app": "shop",
                    "environment": "prod",
                    "ref": "--upload-pack=touch FILE",
                }
            },
            "ref",
        ),
        ({"arguments": {"app": "shop", "environment": "prod", "ref": "ext::touch FILE"}}, "ref"),
        ({"arguments": {"app": "shop", "environment": "prod", "ref": "$(touch FILE)"}}, "ref"),
        ({"environment": "staging"}, "it is meant for staging"),
        ({"host": "web-2"}, "this server is web-1"),
    ],
)
async def test_what_its_file_does_not_name_an_agent_does_not_do(
    bot: TakenOver, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    """It says why, and nothing of it has run."""
    file = tmp_path / "it-was-here"
    arguments = json.dumps(request(**changes).arguments).replace("FILE", str(file))
    answer = await bot.ask(request(**{**changes, "arguments": json.loads(arguments)}))
    assert isinstance(answer, Update)
    assert answer.state in (State.REFUSED, State.FAILED)
    assert said in answer.text.lower()
    assert not file.exists()
    assert not (tmp_path / "shop" / "current").exists()


@pytest.mark.parametrize(
    "look",
    [
        Look(url="http://127.0.0.1:9/"),
        Look(url="http://169.254.169.254/latest/meta-data/"),
        Look(tcp="127.0.0.1:22"),
        Look(check="other"),
        Look(check="../disk"),
    ],
)
async def test_nor_does_it_look_at_what_its_file_does_not_name(bot: TakenOver, look: Look) -> None:
    """No address unless `[probes] allow` has it, and no program but its own checks."""
    probe = Probe(host="web-1", look=look, deadline=now() + timedelta(minutes=1))
    answer = await bot.ask(probe)
    assert isinstance(answer, Probed)
    assert answer.bad
    assert "does not allow" in answer.text or "other" in answer.text or "../disk" in answer.text
    own = Probe(host="web-1", look=Look(check="disk"), deadline=now() + timedelta(minutes=1))
    fine = await bot.ask(own)
    assert isinstance(fine, Probed)
    assert (fine.bad, fine.text) == (False, "all is well")
