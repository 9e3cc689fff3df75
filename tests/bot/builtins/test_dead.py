"""`/dead`: messages that could not be handled, explained, sent again and dropped from chat."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from baton.bus.api import guard
from baton.bus.channel import Delivery, Envelope
from baton.bus.connect import connect
from baton.bus.exchanges import INPUT
from baton.bus.memory.channel import MemoryBus
from baton.bus.messages import Person, now
from baton.errors import InvalidMessage, Unconfirmed
from bot.dispatch.policy import Policy
from bot.dispatch.reply import ReplyKind
from bot.locks import Lock, Scope
from bot.store import Store
from tests.bot.build import ANN, OPS
from tests.bot.builtins.dead_office import AGENT, KEEPER, REPORTS, Office, SlowlyBack, order, report
from tests.bot.counter import BEN, table
from tests.support.wait import until


async def test_letters_are_listed_by_reason(store: Store) -> None:
    """How many, the newest, and why; what differs in a name or a number is the same reason. They
    stay where they are, and their names do not change."""
    office = await Office(store).open()
    for number in (1, 2, 3):
        why = f"nobody requested it: job 7k2m{number}"
        await office.bury(report(f"upd0000{number}"), why, "update.prod.ship")
    await office.bury(Envelope(b"not JSON", "", "?"), "it is not JSON", "alert.x")
    rows: list[tuple[str, ...]] = []
    for _ in range(2):
        summary, rows = table(await office.ask("dead"))
        assert summary == "Dead letters: 4"
        assert [(row[1], row[3], row[4]) for row in rows] == [
            ("3", "upd00003", "nobody requested it: job 7k2m3"),
            ("1", rows[1][3], "it is not JSON"),
        ]
    _, of_reason = table(await office.ask(f"dead list {rows[0][0]}"))
    assert [row[0] for row in of_reason] == ["upd00001", "upd00002", "upd00003"]
    assert await office.letters() == 4


async def test_the_list_says_if_it_is_not_all(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest are looked through, and it is said of how many."""
    monkeypatch.setattr("bot.dispatch.dead_letters.MOST", 2)
    office = await Office(store).open()
    for number in (1, 2):
        await office.bury(report(f"upd0000{number}"), "nobody asked", "update.prod.ship")
    assert table(await office.ask("dead"))[0] == "Dead letters: 2"
    await office.bury(report("upd00003"), "nobody asked", "update.prod.ship")
    summary, rows = table(await office.ask("dead"))
    assert summary == "Dead letters: 2, among the oldest 2 of 3"
    summary, _ = table(await office.ask(f"dead list {rows[0][0]}"))
    assert summary == "nobody asked: 2, among the oldest 2 of 3"


async def test_a_letter_is_shown_without_its_secrets(store: Store) -> None:
    """Why, how often, from whom, and what is in it."""
    office = await Office(store).open()
    body = b'{"url": "amqp://u:hunter2@h/", "db": {"password": "hunter3"}, "text": "token=hunter4"}'
    headers = {"baton-resent": "2"}
    await office.bury(
        Envelope(body, "l3tter01", "x"), "password=hunter5 is wrong", "work.a", headers
    )
    reply = await office.ask("dead show l3tt")
    assert reply.answer is not None
    text = reply.answer.document
    assert "hunter" not in text
    assert "password=*** is wrong" in text
    assert "sent again 2 times" in text
    assert '"password": "***"' in text
    assert [one.verdict for one in await store.audit.recent(1)] == ["allowed"]


async def test_who_may_is_a_rule(store: Store) -> None:
    """To list is free but for what is protected; show, retry and drop need a rule, and whoever
    sends a request for a command again needs one for that as well. Refusals are recorded."""
    office = await Office(store, KEEPER).open()
    await office.bury(order(), "it died", "host.web-1")
    await office.bury(report("upd00001", "secret"), "it died too often", "update.secret.ship")
    summary, _ = table(await office.ask("dead", BEN))
    assert summary == "Dead letters: 1; 1 letter left out: you are not allowed to read it"
    for words in ("show", "retry", "drop"):
        reply = await office.ask(f"dead {words} 0rder001", BEN)
        assert reply.kind is ReplyKind.REFUSED
        assert reply.text.startswith(f"Not allowed: /dead {words} in prod.")
    refused = await office.ask("dead retry 0rder001")
    assert refused.text.startswith("Not allowed: /ship shop in prod.")
    assert (await office.ask("dead drop 0rder001")).text == "Dropped 0rder001."
    entries = await store.audit.recent(2)
    assert [(one.verdict, one.environment) for one in entries] == [
        ("allowed", "prod"),
        ("refused", "prod"),
    ]


async def test_what_belongs_to_no_environment_needs_a_rule_for_all(store: Store) -> None:
    """The text of the refusal says what to add."""
    office = await Office(store, Policy()).open()
    await office.bury(Envelope(b"x", "l3tter01", "?"), "it is not JSON", "work.reports")
    reply = await office.ask("dead drop l3tter01")
    assert 'Required rule: [[allow]] who = ["U_ANN"], commands = ["dead"].' in reply.text


async def test_a_letter_is_sent_again_to_where_it_was_for(store: Store) -> None:
    """Its id and body are the same, the notes of its death are not; and it counts how often it was
    sent."""
    office = await Office(store).open()
    await office.bury(order(), "it died", "host.web-1")
    reply = await office.ask("dead retry 0rder")
    assert reply.text == "Sent 0rder001 again."
    (again,) = await office.taken(AGENT)
    assert (again.id, again.type) == ("0rder001", "baton.request")
    assert again.headers.get("baton-resent") == "1"
    assert "baton-reason" not in again.headers
    assert await office.letters() == 0


@pytest.mark.parametrize(
    ("scope", "owner", "sent"),
    [
        (Scope("prod", "shop"), BEN, False),
        (Scope("prod"), BEN, False),
        (Scope("prod", "shop", frozenset({"web-1"})), BEN, False),
        (Scope("prod", "shop", frozenset({"web-2"})), BEN, True),
        (Scope("prod", "blog"), BEN, True),
        (Scope("prod", "shop"), ANN, True),
    ],
)
@pytest.mark.parametrize("ended", [False, True])
async def test_a_lock_that_came_after_it_stops_a_request(
    store: Store, scope: Scope, owner: Person, *, sent: bool, ended: bool
) -> None:
    """It is sent as it was, with the number of the lock at that time or with none, which servers
    compare only with what they have seen. So a lock of somebody else that came since stops it, even
    if it has ended, for the server that it is for. It can be asked for anew."""
    office = await Office(store).open()
    await office.bury(order(), "it died", "host.web-1")
    lock = Lock("l1", "l1", scope, owner, OPS, "migration", now(), now() + timedelta(hours=1))
    await store.locks.ask(lock)
    if ended:
        await store.locks.release(scope, owner, "slack")
    reply = await office.ask("dead retry 0rder001")
    if sent:
        assert reply.text == "Sent 0rder001 again."
        return
    assert reply.kind is ReplyKind.REFUSED
    assert ("Locked: " if not ended else "ben took the lock of ") in reply.text
    assert await office.letters() == 1
    anew = await office.ask("dead retry 0rder001 as /ship shop prod")
    assert anew.ok is ended, anew.text


async def test_a_request_under_the_last_lock_is_sent_again(store: Store) -> None:
    """What came before it is no reason."""
    office = await Office(store).open()
    scope = Scope("prod", "shop")
    lock = Lock("l1", "l1", scope, BEN, OPS, "migration", now(), now() + timedelta(hours=1))
    await store.locks.ask(lock)
    await store.locks.release(scope, BEN, "slack")
    await office.bury(order(fence=1), "it died", "host.web-1")
    assert (await office.ask("dead retry 0rder001")).text == "Sent 0rder001 again."


async def test_all_of_a_reason_are_sent_or_dropped(store: Store) -> None:
    """But a request that the bot is not proven to have sent, or whose time is over, stays: whoever
    means it names it."""
    office = await Office(store).open()
    await office.bury(order("0rder001"), "it died", "host.web-1")
    await office.bury(order("f0rged01"), "it died", "host.web-1", {"baton-user": "agent.web-2"})
    await office.bury(order("t00late1", seconds=-5.0), "it died", "host.web-1")
    await office.bury(report("upd00001"), "nobody asked", "update.prod.ship")
    _, rows = table(await office.ask("dead"))
    reply = await office.ask(f"dead retry {rows[0][0]}")
    assert reply.text.startswith("Sent 0rder001 again.\nNot sent: f0rged01: it is a request to")
    assert "Not sent: t00late1: its deadline was" in reply.text
    assert reply.kind is ReplyKind.CONFLICT
    assert [one.id for one in await office.taken(AGENT)] == ["0rder001"]
    assert (await office.ask("dead retry f0rged01")).text == "Sent f0rged01 again."
    assert (await office.ask(f"dead drop {rows[0][0]}")).text == "Dropped t00late1."
    assert await office.letters() == 1


async def test_a_letter_of_another_program_goes_to_another_queue(store: Store) -> None:
    """Under a key of its own choice; a request of ours does not, since its answer is expected from
    where it was for."""
    office = await Office(store).open()
    await office.bury(Envelope(b'{"py/object": "x"}', "build001", "?"), "no runner", "debian_i386")
    left = await office.ask("dead retry build001")
    assert left.text.startswith("Not sent: build001:")
    assert (await office.ask("dead retry build001 as work.reports")).ok
    assert [one.id for one in await office.taken(REPORTS)] == ["build001"]
    await office.bury(order(), "it died", "host.web-1")
    assert (
        "is a request of Baton's own" in (await office.ask("dead retry 0rder as work.reports")).text
    )
    assert "is no key" in (await office.ask("dead retry 0rder as anything")).text
    assert await office.letters() == 1


async def test_a_command_runs_in_place_of_a_letter(store: Store) -> None:
    """Whose letter is dropped once the ledger has the job, with the rights of the command."""
    office = await Office(store).open()
    await office.bury(order(seconds=-1.0), "too late", "host.web-1")
    reply = await office.ask("dead retry 0rder001 as /ship shop prod --ref v2")
    assert reply.kind is ReplyKind.STARTED
    found = await store.ledger.job(reply.job)
    assert found is not None
    assert found[0].title == "ship shop prod --ref v2"
    assert office.woken == [reply.job]
    assert await office.letters() == 0
    (entry,) = await store.audit.recent(1)
    assert (entry.reason, entry.job) == ("in place of 0rder001", reply.job)


async def test_a_letter_is_lost_in_no_fault(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It leaves the dead letters once the bus has confirmed it, and not before; nor is it lost if
    nobody listens."""
    office = await Office(store).open()
    await office.bury(order(), "it died", "host.web-1")
    await office.bury(report("upd00001"), "nobody asked", "update.prod.ship")
    assert "Not sent: upd00001: Nobody is listening" in (await office.ask("dead retry upd0")).text
    publish = office.channel.publish

    async def fails(exchange: str, *rest: object, **more: object) -> None:
        raise Unconfirmed(exchange=exchange, key="k", reason="the connection broke")

    monkeypatch.setattr(office.channel, "publish", fails)
    reply = await office.ask("dead retry 0rder001")
    assert reply.kind is ReplyKind.UNAVAILABLE
    assert "it may still be delivered" in reply.text
    monkeypatch.setattr(office.channel, "publish", publish)
    assert await office.letters() == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("shwo x", "/dead has no “shwo”. Did you mean show"),
        ("retry", "Which letter?"),
        ("retry n0thing1", "There is no dead letter “n0thing1”."),
        ("drop all.abcdef", "No dead letter has the reason “all.abcdef”."),
        ("drop upd", "There is no dead letter “upd”."),
        ("drop upd0", "2 dead letters begin with “upd0”."),
        ("show upd00001 now", "Unexpected: “now”."),
        ("retry all.X as /ship shop prod", "A command runs in place of one letter"),
        ("retry upd00001 as /help", "/help cannot run in place of a letter"),
    ],
)
async def test_what_cannot_be_followed_says_why(store: Store, words: str, said: str) -> None:
    """And does nothing."""
    office = await Office(store).open()
    for number in (1, 2):
        await office.bury(report(f"upd0000{number}"), "nobody asked", "update.prod.ship")
    if "all.X" in words:
        words = words.replace("all.X", table(await office.ask("dead"))[1][0][0])
    reply = await office.ask(f"dead {words}")
    assert not reply.ok
    assert said in reply.text
    assert await office.letters() == 2


async def test_a_letter_that_was_just_looked_at_is_there(store: Store) -> None:
    """RabbitMQ puts it back a moment after it was given back. Each look, and what follows it, finds
    all that the one before found."""
    office = await Office(
        store, channel=SlowlyBack("memory://baton@test", on=MemoryBus("x"))
    ).open()
    for number in (1, 2):
        await office.bury(report(f"upd0000{number}"), "nobody asked", "work.reports")
    assert table(await office.ask("dead"))[0] == "Dead letters: 2"
    assert (await office.ask("dead retry upd00001")).text == "Sent upd00001 again."
    assert (await office.ask("dead drop upd00002")).text == "Dropped upd00002."
    assert await office.letters() == 0


async def test_nobody_waits_long_for_what_somebody_else_has_taken(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is it held back that it is not there."""
    monkeypatch.setattr("baton.bus.dead_letters.BACK_WITHIN", 0.05)
    channel = SlowlyBack("memory://baton@test", on=MemoryBus("x"))
    office = await Office(store, channel=channel).open()
    await office.bury(report("upd00001"), "nobody asked", "work.reports")
    channel.after = 60.0
    reply = await office.ask("dead retry upd00001")
    assert reply.text.startswith("Nothing was sent: what /dead listed is not there now.")


async def test_dead_letters_on_rabbitmq(store: Store, amqp_url: str) -> None:
    """From a message that nobody can read to an empty queue: listed, shown, sent again, sent
    elsewhere, done in another way and dropped."""
    channel = await connect(amqp_url, owner=True)
    await asyncio.wait_for(channel.wait_up(), 60)
    office = await Office(store, channel=channel).open()

    async def reads(delivery: Delivery) -> None:
        raise InvalidMessage(reason="it is no job")

    reader = await channel.consume(REPORTS, guard(channel, reads), prefetch=1)
    await channel.publish(INPUT, "work.reports", Envelope(b"cos\nsystem", "strange1", "?"))
    await until(office.letters)
    await reader.cancel()
    await office.bury(order("0rder001"), "it died", "host.web-1")
    await office.bury(order("t00late1", seconds=-5.0), "it died", "host.web-1")
    await office.bury(report("upd00001"), "nobody asked", "update.prod.ship")
    await until(lambda: _holds(office, 4))
    summary, rows = table(await office.ask("dead"))
    assert summary == "Dead letters: 4"
    assert {(row[1], row[4]) for row in rows} >= {("2", "it died"), ("1", "nobody asked")}
    shown = (await office.ask("dead show stra")).answer
    assert shown is not None
    assert "it is no job" in shown.document
    assert "cos" in shown.document
    assert (await office.ask("dead retry 0rder")).text == "Sent 0rder001 again."
    assert (await office.ask("dead retry stra as work.reports")).ok
    job = await office.ask("dead retry t00l as /ship shop prod --ref v2")
    assert job.kind is ReplyKind.STARTED
    assert (await office.ask("dead drop upd0")).text == "Dropped upd00001."
    await until(lambda: _holds(office, 0))
    assert [one.id for one in await office.taken(AGENT)] == ["0rder001"]
    assert [one.body for one in await office.taken(REPORTS)] == [b"cos\nsystem"]
    none = (await office.ask("dead")).answer
    assert none is not None
    assert none.summary == "There are no dead letters"
    await channel.close()


async def _holds(office: Office, count: int) -> bool:
    return await office.letters() == count
