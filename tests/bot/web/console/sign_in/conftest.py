"""A console that people sign in to, on a real socket, and the chat that knows them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
import respx

from baton.bus.memory.channel import MemoryBus, MemoryChannel
from baton.bus.messages import Person
from baton.errors import BatonError
from bot.app.bot import Bot
from bot.app.console import serve_console
from bot.dispatch.console_address import ConsoleAddress
from bot.dispatch.people import Directory, Profile
from bot.dispatch.policy import Policy
from bot.store import Store
from bot.store.sign_ins.sign_in import SignInOwner
from bot.web.console.sign_in.session_access import SessionAccess
from bot.web.console.sign_in.slack_openid import KEYS, TOKEN, SlackOpenId
from bot.web.server import WebServer
from tests.bot.build import OPS
from tests.bot.web.console.sign_in.slack import Slack
from tests.bot.world import a_bot, no_groups
from tests.support.policy import OPEN

ANN = SignInOwner(Person(id="U_ANN", name="ann"), "slack")
HTTPS = "https://baton.example.com"


class NoAnswer(BatonError):
    """Slack does not answer."""


@dataclass
class People(Directory):
    """A chat that knows its people, as long as it answers."""

    profiles: dict[str, Profile] = field(
        default_factory=lambda: {"U_ANN": Profile(name="ann"), "U_BEN": Profile(name="ben")}
    )
    groups: dict[str, frozenset[str]] = field(default_factory=dict)
    away: bool = False
    asked: int = 0

    async def groups_of(self, user: str) -> frozenset[str]:
        if self.away:
            raise NoAnswer
        return self.groups.get(user, frozenset())

    async def profile(self, user: str) -> Profile:
        self.asked += 1
        if self.away or user not in self.profiles:
            raise NoAnswer
        return self.profiles[user]

    def change(self, user: str, **changes: Any) -> None:
        self.profiles[user] = replace(self.profiles[user], **changes)


@dataclass
class Site:
    """The console; `browser` keeps cookies, as one does, and says where its pages come from."""

    bot: Bot
    web: WebServer
    people: People
    access: SessionAccess
    browser: httpx.AsyncClient
    bus: MemoryBus

    @property
    def store(self) -> Store:
        return self.bot.store

    async def link(self, owner: SignInOwner = ANN) -> str:
        """The path of a new link, as `/baton console` gives it."""
        return f"/sign-in/{await self.store.sign_ins.new_link(owner)}"

    async def sign_in(self, owner: SignInOwner = ANN) -> None:
        """Sign `browser` in."""
        answer = await self.post(await self.link(owner))
        assert answer.status_code == 303, answer.text

    async def post(self, path: str, **more: Any) -> httpx.Response:
        """Send a form of one of our pages."""
        headers = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
        return await self.browser.post(path, headers={**headers, **more.pop("headers", {})}, **more)

    async def page(self, path: str, **headers: str) -> httpx.Response:
        """Open a page."""
        return await self.browser.get(path, headers={"Accept": "text/html", **headers})

    async def me(self, **headers: str) -> httpx.Response:
        """Ask who one is."""
        return await self.browser.get("/api/v1/me", headers=headers)

    async def asked_in_chat(self, text: str, person: Person = ANN.person) -> str:
        """What the bot answers in Slack."""
        reply = await self.bot.dispatcher.ask(
            text, asker=person, groups=no_groups, place=OPS, key=text
        )
        assert reply.ok, reply.text
        return reply.text or (reply.answer.document if reply.answer else "")

    def client(self) -> httpx.AsyncClient:
        """Another browser, or a program."""
        return client_of(self.web)


def client_of(web: WebServer) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=web.url, trust_env=False, verify=False, timeout=60)


OpenSite = Callable[..., Awaitable[Site]]


@pytest.fixture
async def open_site(store: Store) -> AsyncIterator[OpenSite]:
    """Opens a console at `url`, in which {port} is its port: at its own address if that is empty;
    `openid` makes of that address what asks Slack who somebody is."""
    async with AsyncExitStack() as stack:

        async def opened(
            url: str = "",
            policy: Policy = OPEN,
            openid: Callable[[str], SlackOpenId] | None = None,
        ) -> Site:
            bus = MemoryBus("site")
            channel = MemoryChannel("memory://site", on=bus)
            stack.push_async_callback(channel.close)
            web = WebServer.listen("127.0.0.1", 0)
            url = url.format(port=web.port) or web.url
            bot = a_bot(store, channel, policy=policy, console=ConsoleAddress(url))
            people = People()
            bot.dispatching.people.add("slack", people)
            stack.push_async_callback(bot.stop)
            await bot.start()
            dispatching = bot.dispatching
            access = SessionAccess(store.sign_ins, dispatching.people, dispatching.authorizer, url)
            asked = openid and openid(url)
            serve_console(web, bot, access, url=url, openid=asked)
            stack.push_async_callback(web.stop)
            browser = await stack.enter_async_context(client_of(web))
            return Site(bot, web, people, access, browser, bus)

        yield opened


@pytest.fixture
async def site(open_site: OpenSite) -> Site:
    """A console at its own address, on loopback."""
    return await open_site()


@pytest.fixture
def router() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as mocked:
        mocked.route(host="127.0.0.1").pass_through()
        yield mocked


@pytest.fixture
def slack(router: respx.MockRouter) -> Slack:
    made = Slack()
    router.post(TOKEN).mock(side_effect=made.token)
    router.get(KEYS).mock(side_effect=made.keys)
    return made
