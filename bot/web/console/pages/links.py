"""How well the bot is connected, as the top of every page says it."""

from __future__ import annotations

from dataclasses import dataclass

from baton.outcome import duration
from bot.web.status import BotStatus, StatusReader


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """A link that is down: to what, since when in `words`, why, and what still works."""

    name: str
    words: str
    reason: str
    works: str


@dataclass(frozen=True, slots=True)
class LinkReport:
    """The links that are down, and which there are."""

    broken: tuple[BrokenLink, ...] = ()
    names: tuple[str, ...] = ()

    def down(self, name: str) -> bool:
        """Return whether the link `name` is down."""
        return any(one.name == name for one in self.broken)


DATABASE = "Database"
_WORKS = {
    "RabbitMQ": "Servers cannot be seen or reached. What is asked now waits in the database until "
    "its deadline. What is already on the servers goes on.",
    "Slack": "Nobody can ask or read in Slack. This console works as before. Posts in Slack are "
    "brought up to date later.",
    DATABASE: "Nothing can be asked, and nothing of the past can be read. What is already on "
    "the servers goes on, and is recorded later.",
}


async def links_of(reader: StatusReader) -> LinkReport:
    """Return how the links of the bot are."""
    return report(await reader.read())


def report(status: BotStatus) -> LinkReport:
    """Return what `status` says about the links."""
    links = {"RabbitMQ": status.bus}
    if status.chat is not None:
        links["Slack"] = status.chat
    broken = [
        BrokenLink(
            name,
            f"No connection to {name} for {duration(link.seconds)}.",
            link.reason,
            _WORKS[name],
        )
        for name, link in links.items()
        if not link.up
    ]
    if status.answered is None:
        words = f"The database has not answered for {duration(status.unanswered)}."
        broken.append(BrokenLink(DATABASE, words, status.database_reason, _WORKS[DATABASE]))
    return LinkReport(tuple(broken), (*links, DATABASE))
