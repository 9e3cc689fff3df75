"""Who the people of each chat are, as far as it tells."""

from __future__ import annotations

import pytest

from bot.dispatch.people import Directories, Directory, Profile
from bot.fronts.errors import FrontError


class OneChat(Directory):
    """A chat with ann, whom it does not always tell."""

    away = False

    async def groups_of(self, user: str) -> frozenset[str]:
        return frozenset({"oncall"})

    async def profile(self, user: str) -> Profile:
        if self.away:
            raise FrontError(front="Slack", reason="no route")
        return Profile("Europe/Kyiv", name="ann")


@pytest.fixture
def chat() -> OneChat:
    return OneChat()


async def test_each_front_end_is_asked_about_its_own_people(chat: OneChat) -> None:
    """Of a chat that has no directory nothing is known: no groups, and nobody's profile."""
    people = Directories()
    people.add("slack", chat)
    assert await people.groups_of("slack", "U_ANN")() == {"oncall"}
    assert (await people.profile("slack", "U_ANN")).name == "ann"
    assert await people.groups_of("terminal", "ann")() == frozenset()
    assert await people.profile("terminal", "ann") == Profile()


async def test_a_chat_that_does_not_tell_keeps_nobody_waiting(chat: OneChat) -> None:
    """What is known of them without it is used instead."""
    chat.away = True
    people = Directories()
    people.add("slack", chat)
    guest = Profile(standing="guest")
    assert await people.profile("slack", "U_GUS", guest) is guest


@pytest.mark.parametrize(
    ("zone", "known"), [("Etc/UTC", "UTC"), ("Europe/Kiev", "Europe/Kyiv"), ("Nowhere/At_all", "")]
)
def test_a_zone_is_called_as_people_call_it(zone: str, known: str) -> None:
    """By its name of today; one that this machine does not know is none."""
    assert Profile(zone).zone == known
