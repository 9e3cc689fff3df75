"""Links, sessions and tokens: each secret is given out once, stored as a hash, and ends."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, select, text

from baton.bus.messages import Person
from bot.store import Store
from bot.store.database.database_clock import DatabaseClock
from bot.store.sign_ins.secrets import hash_of, new_secret
from bot.store.sign_ins.sign_in import NameInUse, SignInOwner, TooManyTokens
from bot.store.sign_ins.sign_in_store import (
    LINK_LIFE,
    MAX_SESSIONS,
    MAX_TOKENS,
    SESSION_LIFE,
    USED_INTERVAL,
    SignInStore,
)
from bot.store.tables.sign_in_tables import sign_in_links, sign_ins
from tests.bot.store.build import T0

ANN = SignInOwner(Person(id="U_ANN", name="ann", standing="guest"), "slack")
BEN = SignInOwner(Person(id="U_BEN", name="ben"), "slack")
DAY = timedelta(days=1)


class Clock(DatabaseClock):
    """Time as a test sets it, for both databases."""

    at = T0

    def now(self, connection: Connection) -> datetime:
        return self.at

    def pass_(self, time: timedelta) -> None:
        self.at += time


@pytest.fixture
def clock(store: Store) -> Clock:
    return Clock(store._database, lambda: T0)


@pytest.fixture
def kept(store: Store, clock: Clock) -> SignInStore:
    return SignInStore(store._database, clock)


async def test_a_link_signs_its_owner_in_once(kept: SignInStore) -> None:
    """The session is bound to the person as the link was: id, name, standing and directory. What
    is used is used: whoever has the link afterwards has nothing."""
    link = await kept.new_link(ANN)
    assert await kept.link_owner(link) == ANN
    assert await kept.link_owner(link) == ANN  # looking does not use it up
    found = await kept.redeem(link, "Firefox")
    assert found is not None
    secret, session = found
    assert (session.owner, session.kind, session.scope) == (ANN, "session", "ask")
    assert session.name == "Firefox"
    assert await kept.find(secret) == session
    assert await kept.link_owner(link) is None
    assert await kept.redeem(link, "Chromium") is None
    assert await kept.find(link) is None


async def test_of_many_clicks_at_once_one_signs_in(store: Store, other: Store) -> None:
    """On two bots, over and over."""
    for _ in range(5):
        link = await store.sign_ins.new_link(ANN)
        both = (store.sign_ins, other.sign_ins)
        clicks = await asyncio.gather(*(both[at % 2].redeem(link, "x") for at in range(6)))
        assert len([one for one in clicks if one is not None]) == 1
    assert len(await store.sign_ins.of_person("slack", "U_ANN")) == 5


async def test_a_link_is_good_for_a_minute(kept: SignInStore, clock: Clock) -> None:
    link, late = await kept.new_link(ANN), await kept.new_link(ANN)
    clock.pass_(LINK_LIFE - timedelta(milliseconds=1))
    assert await kept.redeem(link, "") is not None
    clock.pass_(timedelta(milliseconds=1))
    assert await kept.link_owner(late) is None
    assert await kept.redeem(late, "") is None


async def test_no_secret_is_stored(store: Store) -> None:
    """Whoever reads the database, or a copy of it, can sign in as nobody."""
    link = await store.sign_ins.new_link(ANN)
    unused = await store.sign_ins.new_link(ANN)
    found = await store.sign_ins.redeem(link, "")
    assert found is not None
    token, _ = await store.sign_ins.new_token(ANN, "ci", "read", DAY)

    def rows(connection: Connection) -> str:
        tables = (sign_in_links, sign_ins)
        return repr([connection.execute(select(table)).all() for table in tables])

    stored = await store._database.read(rows)
    for secret in (link, unused, found[0], token):
        assert secret not in stored
        assert secret.removeprefix("baton_") not in stored
    assert hash_of(unused) in stored
    assert hash_of(token) in stored


async def test_a_session_ends(kept: SignInStore, clock: Clock) -> None:
    secret, _ = await kept.new_session(ANN, "")
    clock.pass_(SESSION_LIFE - timedelta(seconds=1))
    assert await kept.find(secret) is not None
    clock.pass_(timedelta(seconds=1))
    assert await kept.find(secret) is None
    assert await kept.of_person("slack", "U_ANN") == []


async def test_a_token_has_a_name_a_scope_and_an_end(kept: SignInStore, clock: Clock) -> None:
    secret, token = await kept.new_token(ANN, "ci", "read", DAY)
    assert (token.name, token.scope, token.kind) == ("ci", "read", "token")
    assert token.expires - token.created == DAY
    with pytest.raises(NameInUse, match="already have a token called ci"):
        await kept.new_token(ANN, "ci", "ask", DAY)
    await kept.new_token(BEN, "ci", "ask", DAY)  # another person's
    clock.pass_(DAY)
    assert await kept.find(secret) is None
    again, _ = await kept.new_token(ANN, "ci", "ask", DAY)  # the name is free again
    assert await kept.find(again) is not None


async def test_what_is_revoked_ends_at_once(kept: SignInStore, clock: Clock) -> None:
    """One's own only: the id or the name of somebody else's ends nothing."""
    session, row = await kept.new_session(ANN, "")
    token, _ = await kept.new_token(ANN, "ci", "read", DAY)
    assert await kept.revoke("slack", "U_BEN", row.id) is None
    assert await kept.revoke("terminal", "U_ANN", row.id) is None
    assert await kept.revoke_token("slack", "U_BEN", "ci") is None
    assert await kept.find(session) == row
    assert await kept.revoke("slack", "U_ANN", row.id) == row
    ended = await kept.revoke_token("slack", "U_ANN", "ci")
    assert ended is not None
    assert ended.name == "ci"
    assert await kept.find(session) is None
    assert await kept.find(token) is None
    assert await kept.revoke_token("slack", "U_ANN", "ci") is None


async def test_when_it_was_last_used_is_known(kept: SignInStore, clock: Clock) -> None:
    """To some minutes: a request does not cost a write each."""
    secret, session = await kept.new_session(ANN, "")
    clock.pass_(USED_INTERVAL - timedelta(seconds=1))
    await kept.find(secret)
    (found,) = await kept.of_person("slack", "U_ANN")
    assert found == session
    clock.pass_(timedelta(seconds=1))
    await kept.find(secret)
    (found,) = await kept.of_person("slack", "U_ANN")
    assert found == replace(session, used=clock.at)


async def test_the_last_used_come_first_and_kinds_apart(kept: SignInStore, clock: Clock) -> None:
    for name in ("one", "two"):
        await kept.new_token(ANN, name, "read", DAY)
        clock.pass_(timedelta(seconds=1))
    await kept.new_session(ANN, "Firefox")
    names = [one.name for one in await kept.of_person("slack", "U_ANN")]
    assert names == ["Firefox", "two", "one"]
    assert [one.name for one in await kept.of_person("slack", "U_ANN", "token")] == ["two", "one"]


async def test_a_person_has_so_many_and_no_more(kept: SignInStore, clock: Clock) -> None:
    """Of sessions the one that was not used for the longest time gives way; a token is refused."""
    secrets = []
    for _ in range(MAX_SESSIONS + 1):
        secret, _ = await kept.new_session(ANN, "")
        secrets.append(secret)
        clock.pass_(timedelta(seconds=1))
    assert await kept.find(secrets[0]) is None
    assert await kept.find(secrets[1]) is not None
    assert len(await kept.of_person("slack", "U_ANN")) == MAX_SESSIONS
    for number in range(MAX_TOKENS):
        await kept.new_token(ANN, f"t{number}", "read", DAY)
    with pytest.raises(TooManyTokens, match=f"already have {MAX_TOKENS} tokens"):
        await kept.new_token(ANN, "more", "read", DAY)
    await kept.new_token(BEN, "more", "read", DAY)


async def test_what_has_expired_is_removed(store: Store, kept: SignInStore, clock: Clock) -> None:
    """And nothing else."""
    await kept.new_link(ANN)
    await kept.new_token(ANN, "short", "read", DAY)
    _, stays = await kept.new_token(ANN, "long", "read", 30 * DAY)
    clock.pass_(DAY)
    await kept.prune()

    def counted(connection: Connection) -> list[int]:
        tables = ("sign_in_links", "sign_ins")
        counts = [text(f"SELECT count(*) FROM {table}") for table in tables]
        return [connection.execute(count).scalar_one() for count in counts]

    assert await store._database.read(counted) == [0, 1]
    assert await kept.of_person("slack", "U_ANN") == [stays]


async def test_pruning_the_store_prunes_sign_ins(store: Store) -> None:
    secret, _ = await store.sign_ins.new_token(ANN, "gone", "read", timedelta(0))
    await store.prune(T0)

    def count(connection: Connection) -> int:
        return len(connection.execute(select(sign_ins)).all())

    assert await store._database.read(count) == 0
    assert await store.sign_ins.find(secret) is None


@pytest.mark.parametrize(
    "secret", ["", "baton_", "x" * 49, "baton_" + "é" * 43, "baton_" + "x" * 43]
)
async def test_what_is_no_secret_of_ours_is_nobody(kept: SignInStore, secret: str) -> None:
    assert await kept.find(secret) is None
    assert await kept.link_owner(secret) is None
    assert await kept.redeem(secret, "") is None


def test_secrets_are_different_and_long() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert {len(secret) for secret in secrets} == {49}
    assert all(hash_of(secret) for secret in secrets)
