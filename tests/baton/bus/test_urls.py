"""URLs of RabbitMQ: cut, checked, and never shown where they may hold a password."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.agent.settings import AGENT_VARIABLES, AgentSettings
from baton.bus.urls import check_urls, redacted, split_urls
from baton.errors import SettingsError
from baton.settings import load

SECRETS = (
    "pa1/ss2",
    "12/34",
    "pa#ss",
    "pa?ss",
    "a@b/c",
    "[x",
    "p ss",
    "p\tss",
    "p\u2100s",
    "p\x1bs",
)


@pytest.mark.parametrize("secret", SECRETS)
def test_what_cannot_be_read_is_refused_and_not_shown(secret: str) -> None:
    """The start is refused, and what is said holds nothing of what stands after `//`."""
    url = f"amqp://user:{secret}@rabbit.example.com/vhost"
    with pytest.raises(SettingsError) as caught:
        load(AgentSettings, None, AGENT_VARIABLES, {"BATON_BUS_URL": url})
    said = str(caught.value)
    assert "%2F" in said
    for part in ("user", secret, "rabbit", "vhost", *secret.split("/")):
        assert part not in said.replace("amqp://USER:PASSWORD@HOST/VHOST", "").split("In a pass")[0]
    assert redacted(url) == "amqp://(this URL cannot be read)"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("amqp://h:port/", "a port being a number"),
        ("amqp://h:99999/", "a port being a number"),
        ("amqp://", "names no host"),
        ("redis://h", "not redis://"),
        ("amqp://h/?cafiel=/x", "did you mean cafile"),
        ("amqp://h/?no_verify_ssl=yes", "no_verify_ssl is 0 or 1"),
        ("amqp://h/?heartbeat=soon", "heartbeat is a whole number"),
        ("u:secret@h", "amqp://"),
    ],
)
def test_what_is_wrong_is_named(url: str, said: str) -> None:
    """Refused at once, instead of being tried for ever."""
    with pytest.raises(ValueError, match=said) as caught:
        check_urls([url])
    assert "secret" not in str(caught.value)


def test_a_comma_cuts_only_before_another_url() -> None:
    """A password may hold one; several URLs are a pool, with commas or blanks between them."""
    assert split_urls("amqp://u:pa1,ss2@h/") == ["amqp://u:pa1,ss2@h/"]
    assert split_urls(" amqp://a/, amqps://u:x,y@b/ amqp://c,") == [
        "amqp://a/",
        "amqps://u:x,y@b/",
        "amqp://c",
    ]
    settings = load(AgentSettings, None, AGENT_VARIABLES, {"BATON_BUS_URL": "amqp://u:pa1,ss2@h/"})
    assert settings.bus.urls == ["amqp://u:pa1,ss2@h/"]


def test_urls_are_shown_without_secrets() -> None:
    """Neither password nor options."""
    assert redacted("amqps://u:p%40ss@h:5671/v?cafile=/x") == "amqps://u@h:5671/v"
    assert redacted("amqp://h") == "amqp://h"


@given(st.text(min_size=8, alphabet=st.characters(categories=["L", "N", "P", "S", "Z", "C"])))
def test_no_password_is_ever_shown(password: str) -> None:
    """Whatever it holds, and whether the URL can be read or not."""
    secret = f"Q{password}Q"
    url = f"amqp://user:{secret}@rabbit/"
    shown = redacted(url)
    assert secret not in shown
    try:
        check_urls([url])
        said, expected = "", "amqp://user@rabbit/"
    except ValueError as error:
        said, expected = str(error), "amqp://(this URL cannot be read)"
    assert secret not in said
    assert shown == expected
