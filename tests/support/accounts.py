"""The accounts of RabbitMQ that README tells an operator to make, with exactly their rights."""

from __future__ import annotations

import shlex
from pathlib import Path

from tests.support.broker import Broker

README = Path(__file__).parents[2] / "README.md"
WORKERS = README.parent / "docs" / "worker.md"
SERVER, ENVIRONMENT = "web-1.example.com", "prod"
"""The agent of which README speaks."""
WORKER = "worker.a.example.com"
"""The worker of which docs/worker.md speaks."""


def readme() -> list[list[str]]:
    """The `rabbitmqctl` lines of README, word by word, without the program."""
    return _lines(README)


def _lines(page: Path) -> list[list[str]]:
    lines = page.read_text().splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("rabbitmqctl ")]


def escaped(name: str) -> str:
    """`name` as it stands in README's patterns."""
    return name.replace(".", r"\.")


class Accounts:
    """Makes accounts in the virtual host of `url`."""

    def __init__(self, broker: Broker, url: str) -> None:
        self._broker = broker
        self._url = url

    @property
    def bot(self) -> str:
        """The URL of the bot."""
        return self._made("bot")

    @property
    def reader(self) -> str:
        """The URL of somebody who only looks."""
        return self._made("reader")

    def agent(self, host: str, environment: str = ENVIRONMENT) -> str:
        """The URL of the agent on `host`."""
        return self._made(f"agent.{SERVER}", host, environment)

    @property
    def worker(self) -> str:
        """The URL of WORKER, for the work queue `reports`."""
        return self._granted(self._broker.user(self._url, f"agent.{WORKER}"), _lines(WORKERS))

    def _made(self, name: str, host: str = SERVER, environment: str = ENVIRONMENT) -> str:
        def ours(text: str) -> str:
            text = text.replace(escaped(SERVER), escaped(host)).replace(SERVER, host)
            return text.replace(rf"\.{ENVIRONMENT}", rf"\.{environment}")

        mine = [line for line in readme() if line[0].startswith("set_") and line[3] == name]
        lines = [[*line[:4], *map(ours, line[4:])] for line in mine]
        return self._granted(self._broker.user(self._url, ours(name)), lines)

    def _granted(self, url: str, lines: list[list[str]]) -> str:
        """Give the user of `url` what the lines for them say."""
        for verb, *words in lines:
            if verb == "set_permissions":
                self._broker.grant(url, *words[3:])
            elif verb == "set_topic_permissions":
                self._broker.grant_topic(url, words[3], *words[4:])
        return url
