"""The front door, as values: who is let through, with which words, and who is told what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.bus.messages import Person, Standing, now
from baton.errors import BatonError
from bot.fronts.slack.listeners import payloads
from bot.fronts.slack.listeners.admission import (
    MAX_TYPED,
    Admission,
    Ignored,
    PrivateReply,
    WorkspaceUser,
    admit,
    standing_of,
)
from bot.fronts.slack.listeners.form_state import FormSeal
from bot.fronts.slack.listeners.payloads import ButtonPress, Interaction, TypedCommand
from bot.fronts.slack.listeners.people import StandingUnavailable, user_groups_in, user_in
from bot.fronts.slack.web_api.identity import BotIdentity
from bot.jobs import AuditEntry, Place
from tests.support.quick import INPUT, quickly

US = BotIdentity("T_US", "U_BATON", "B_BATON", None)
GRID = BotIdentity("T_US", "U_BATON", "B_BATON", None, enterprise="E_US")
ANN = WorkspaceUser(team="T_US", name="ann")
OPS = Place("slack", "C_OPS")


def mention(text: str, **event: Any) -> Interaction:
    """A mention in a channel."""
    said = {"type": "app_mention", "user": "U_ANN", "text": text, "ts": "1.0", "channel": "C_OPS"}
    heard = payloads.parse_message({"event": {**said, **event}})
    assert heard is not None
    return heard


def words(verdict: Admission) -> str | None:
    """What is asked of the dispatcher, if anything."""
    return verdict.words if isinstance(verdict, TypedCommand) else None


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("<@U_BATON> deploy shop prod", "deploy shop prod"),
        ("<@U_BATON|baton> ping staging", "ping staging"),
        ("<@U_BATON>: ping staging", "ping staging"),
        ("<@U_BATON>, `ping staging`", "ping staging"),
        ("*<@U_BATON> ping staging*", "ping staging"),
        ("*<@U_BATON>* ping staging", "ping staging"),
        ("\u200e\u3000<@U_BATON>\u3000ping\u3000staging\u200e", "ping staging"),
        ("<@U_BATON>", ""),
        ("hey <@U_BATON> ping prod", None),
        ("thanks <@U_BATON>!", None),
        ("&gt; <@U_BATON> deploy shop staging", None),
        ("&gt;&gt;&gt; <@U_BATON> deploy shop staging", None),
        ("look:\n&gt; <@U_BATON> deploy shop staging", None),
        ("<@U_BATON>\n&gt; deploy shop staging", None),
        ("`<@U_BATON> deploy shop staging`", None),
        ("```<@U_BATON> deploy shop staging```", None),
        ("<@U_BEN> <@U_BATON> deploy shop staging", None),
        ("~<@U_BATON> deploy shop staging~", None),
        ("<@U_BATON> ~deploy shop staging~", None),
        ("<@U_BATON> *~deploy shop staging~*", None),
        ("~<@U_BATON>~ deploy shop staging", None),
        ("• <@U_BATON> deploy shop staging", None),
        ("1. <@U_BATON> deploy shop staging", None),
        ("*&gt; <@U_BATON> deploy shop staging*", None),
        ("<@U_BATON> *&gt; deploy shop staging*", None),
        ("\u200b&gt;<@U_BATON> deploy shop staging", None),
        ("<@U_BATON2> deploy shop staging", None),
    ],
)
def test_it_is_said_to_us_if_our_name_comes_first(text: str, asked: str | None) -> None:
    """Whatever else has our name in it is about a command, and is none: its author is told how to
    ask."""
    verdict = admit(mention(text), US, ANN)
    assert words(verdict) == asked
    if asked is None:
        assert isinstance(verdict, PrivateReply)
        assert "start with @baton" in verdict.text


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("ping prod", "ping prod"),
        ("<@U_BATON> ping prod", "ping prod"),
        ("`ping prod`", "ping prod"),
        ("&gt; ping prod", None),
    ],
)
def test_to_us_alone_no_name_is_needed(text: str, asked: str | None) -> None:
    """In direct messages all is said to us; a quote is none all the same."""
    event = {"type": "message", "channel_type": "im", "channel": "D_ANN", "ts": "1.0"}
    heard = payloads.parse_message({"event": {**event, "user": "U_ANN", "text": text}})
    assert heard is not None
    verdict = admit(heard, US, ANN)
    assert words(verdict) == asked
    assert verdict.place.name == "directmessage"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("teams", "member", "who"),
    [
        ((), ANN, "member"),
        (("T_US",), ANN, "member"),
        (("T_OTHER",), ANN, "outside"),
        (("T_US", "T_OTHER"), ANN, "outside"),
        ((), WorkspaceUser(team="T_OTHER"), "outside"),
        (("T_US",), WorkspaceUser(team="T_US", stranger=True), "outside"),
        ((), WorkspaceUser(stranger=True), "outside"),
        (("T_US",), WorkspaceUser(team="T_US", guest=True), "guest"),
        (("T_OTHER",), WorkspaceUser(team="T_OTHER", enterprise="E_OTHER", guest=True), "outside"),
        (("T_SISTER",), WorkspaceUser(team="T_SISTER", enterprise="E_US"), "outside"),
    ],
)
def test_who_somebody_is_to_us(
    teams: tuple[str, ...], member: WorkspaceUser, who: Standing
) -> None:
    """Of another team by anything that Slack says: outside. A team without an enterprise knows no
    sisters."""
    assert standing_of(teams, member, US) == who


def test_an_enterprise_has_many_teams() -> None:
    """Whoever is of ours is a member in whichever of them; others are outside."""
    assert (
        standing_of(("T_SISTER",), WorkspaceUser(team="T_SISTER", enterprise="E_US"), GRID)
        == "member"
    )
    assert standing_of(("E_US",), ANN, GRID) == "member"
    assert standing_of(("T_X",), WorkspaceUser(team="T_X", enterprise="E_X"), GRID) == "outside"
    guest = WorkspaceUser(team="T_SISTER", enterprise="E_US", guest=True)
    assert standing_of(("T_SISTER",), guest, GRID) == "guest"


@pytest.mark.parametrize(
    "event",
    [
        {"user_team": "T_OTHER"},
        {"source_team": "T_OTHER"},
        {"team": "T_OTHER"},
        {"user_profile": {"team": "T_OTHER"}},
    ],
)
def test_the_standing_goes_with_the_words(event: Mapping[str, Any]) -> None:
    """The dispatcher hears who asks, by name, and of which standing."""
    verdict = admit(mention("<@U_BATON> ping prod", **event), US, ANN)
    assert isinstance(verdict, TypedCommand)
    assert verdict.person == Person(id="U_ANN", name="ann", standing="outside")


@pytest.mark.parametrize(
    "event",
    [
        {"bot_id": "B1"},
        {"bot_profile": {"id": "B1"}},
        {"subtype": "bot_message"},
        {"user": "U_BATON"},
        {"user": "USLACKBOT"},
    ],
)
def test_apps_ask_nothing(event: Mapping[str, Any]) -> None:
    """Nor are they told anything: two bots would talk for ever."""
    assert isinstance(admit(mention("<@U_BATON> ping prod", **event), US, ANN), Ignored)


def test_a_bot_user_asks_nothing() -> None:
    """Even if its message looks like a person's."""
    assert isinstance(
        admit(mention("<@U_BATON> ping"), US, WorkspaceUser(team="T_US", bot=True)), Ignored
    )


def test_who_is_not_known_asks_nothing() -> None:
    """They are told why."""
    verdict = admit(mention("<@U_BATON> ping prod"), US, StandingUnavailable(reason="no answer"))
    assert isinstance(verdict, PrivateReply)
    assert "whether you are a member" in verdict.text


def begun(text: str) -> AuditEntry:
    """What a message began."""
    return AuditEntry(now(), Person(id="U_ANN"), OPS, text, "allowed", job="7k2mabcdef")


def test_a_message_is_one_act_whatever_it_comes_in() -> None:
    """Its key is its channel and its ts: an edit is the same, and so is what comes again."""
    first = mention("<@U_BATON> deploy shop staging")
    edited = mention("<@U_BATON> deploy shop prod", edited={"ts": "2.0"}, event_ts="2.0")
    assert first.key == edited.key == "slack:C_OPS/1.0"
    assert words(admit(edited, US, ANN)) == "deploy shop prod", "it began nothing"
    assert isinstance(admit(first, US, ANN, begun("deploy shop staging")), Ignored)
    long = mention(f"<@U_BATON> run {'x ' * 900}")
    assert isinstance(admit(long, US, ANN, begun(f"run {'x ' * 400}…")), Ignored)
    more = mention("<@U_BATON> deploy shop staging --host web-1")
    assert isinstance(admit(more, US, ANN, begun("deploy shop staging")), PrivateReply)
    told = admit(edited, US, ANN, begun("deploy shop staging"))
    assert isinstance(told, PrivateReply)
    assert "“deploy shop staging” (job 7k2mab)" in told.text


def test_an_edit_in_direct_messages_is_the_message() -> None:
    """What changed in no word (a link's preview, a language) is nothing."""
    message = {"user": "U_ANN", "text": "ping prod", "ts": "1.0", "edited": {"ts": "2.0"}}
    event: dict[str, Any] = {
        "type": "message",
        "channel_type": "im",
        "channel": "D_ANN",
        "ts": "2.0",
    }
    event |= {"subtype": "message_changed", "message": message}
    heard = payloads.parse_message({"event": {**event, "previous_message": {"text": "pign prod"}}})
    assert heard is not None
    assert (heard.key, words(admit(heard, US, ANN))) == ("slack:D_ANN/1.0", "ping prod")
    assert payloads.parse_message({"event": {**event, "previous_message": message}}) is None


def test_a_slash_command_and_its_words() -> None:
    """Marks and spaces of every kind round what follows the name go; the reason stays."""
    payload = {
        "command": "/alerts",
        "text": "`silence\u3000host=a for 2h`",
        "user_id": "U_ANN",
        "team_id": "T_US",
        "channel_id": "C_OPS",
        "channel_name": "privategroup",
        "trigger_id": "1.2",
    }
    heard = payloads.parse_slash_command(payload)
    assert heard is not None
    assert heard.place == replace(OPS, name="privategroup"), "what Slack calls private is private"
    assert words(admit(heard, US, ANN)) == "alerts silence host=a for 2h"
    typed = {**payload, "text": "silence host=a for\u00a02h because\u00a0it’s\u200d hot"}
    heard = payloads.parse_slash_command(typed)
    assert heard is not None
    assert words(admit(heard, US, ANN)) == (
        "alerts silence host=a for 2h because\u00a0it’s\u200d hot"
    )


def test_what_is_asked_is_bounded() -> None:
    """Nothing of it is taken, rather than a part."""
    for text in ("x" * (MAX_TYPED + 1), "ping prod" + "\u200b" * 20_000 + "x"):
        verdict = admit(mention(f"<@U_BATON> {text}"), US, ANN)
        assert isinstance(verdict, PrivateReply)
        assert "too long" in verdict.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
NAMES = (
    *("command", "text", "user", "user_id", "user_name", "team_id", "channel_id", "channel_name"),
    *("trigger_id", "thread_ts", "type", "subtype", "channel_type", "channel", "ts", "team", "id"),
    *("message", "previous_message", "container", "message_ts", "actions", "action_id", "value"),
    *("view", "private_metadata", "state", "values", "choice", "reason", "selected_option"),
    *("user_team", "source_team", "user_profile", "bot_id", "edited", "username", "name"),
)
TEXTS = st.sampled_from(
    ("<@U_BATON> ping", "app_mention", "message", "im", "U_ANN", "T_OTHER", "message_changed", "[")
)
LIKE = st.recursive(
    JSON | TEXTS,
    lambda inner: (
        st.dictionaries(st.sampled_from(NAMES), inner, max_size=12) | st.lists(inner, max_size=2)
    ),
    max_leaves=30,
)
PAYLOAD = st.dictionaries(st.sampled_from(("event", *NAMES)), LIKE, max_size=12)
READERS = (
    payloads.parse_slash_command,
    payloads.parse_message,
    payloads.parse_button_press,
    partial(payloads.parse_form, seal=FormSeal("xoxb-1")),
)


@pytest.mark.slow
@given(PAYLOAD, st.one_of(st.none(), st.text()))
def test_no_payload_breaks_the_door(payload: Mapping[str, Any], before: str | None) -> None:
    """Whatever Slack, or somebody who speaks like it, sends: a declared verdict, at once."""

    def judged(read: Callable[[Mapping[str, Any]], Any], wrapped: Mapping[str, Any]) -> None:
        heard = read(wrapped)
        if heard is not None:
            had = None if before is None else begun(before)
            verdict = admit(heard, US, user_in(payload), had)
            assert isinstance(verdict, TypedCommand | ButtonPress | PrivateReply | Ignored)

    for read in READERS:
        for wrapped in (payload, {"event": payload}):
            quickly(partial(judged, read, wrapped))
    user_groups_in(payload.values())


@given(st.text(max_size=6000), st.sampled_from(("app_mention", "message")))
def test_no_text_breaks_the_door(text: str, kind: str) -> None:
    """Any text is asked, or is answered."""
    said = {"type": kind, "channel_type": "im", "user": "U_ANN", "ts": "1.0", "channel": "C_OPS"}
    heard = payloads.parse_message({"event": {**said, "text": f"<@U_BATON> {text}"}})
    assert heard is not None
    assert isinstance(admit(heard, US, ANN), TypedCommand | PrivateReply)


LONG = 40_000


@pytest.mark.parametrize(
    "text",
    [
        "x" * LONG,
        "<" * LONG,
        "<@U_BATON|" * (LONG // 10),
        "\u3000" * LONG,
        " because" * (LONG // 8),
        "<@U_BATON> " + "`" * LONG,
        "<@U_BATON> " + "'a" * (LONG // 2),
        "<@U_BATON> " + "&gt;" * (LONG // 4),
        "*" + "_" * LONG + "*",
    ],
)
def test_no_text_takes_long(text: str) -> None:
    """The most that Slack takes is judged in some milliseconds."""

    def judged() -> None:
        verdict = admit(mention(text), US, ANN)
        assert isinstance(verdict, TypedCommand | PrivateReply | Ignored)

    quickly(judged, within=INPUT / 2)


def test_an_error_is_told_as_it_is() -> None:
    """Whatever keeps Slack from telling who it is."""
    verdict = admit(mention("<@U_BATON> x"), US, BatonError(reason="r"))
    assert isinstance(verdict, PrivateReply)
