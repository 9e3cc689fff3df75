"""Secrets that people must not read in what others sent."""

from __future__ import annotations

import json

import pytest

from baton.text.masked import masked_body, masked_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("amqps://ops:s3cret@mq/prod", "amqps://ops:***@mq/prod"),
        ("password=s3cret, user=ann", "password=***, user=ann"),
        ('"api_key": "s3cret"', '"api_key": "***"'),
        ("Authorization: Bearer s3cret.s3cret", "Authorization: Bearer ***"),
        ("said Bearer abcdef123456", "said Bearer ***"),
        ("uses xoxb-" + "1" * 12 + " now", "uses *** now"),
        ("the token was not accepted", "the token was not accepted"),
        ("https://example.com:8080/a@b", "https://example.com:8080/a@b"),
    ],
)
def test_what_is_named_as_a_secret_is_masked(text: str, shown: str) -> None:
    """In a sentence, a URL, a header; words about secrets stay."""
    assert masked_text(text) == shown


def test_json_is_masked_by_its_keys() -> None:
    """At any depth; it is shown in lines, and cut where it is too long."""
    body = {"db": {"DB_PASSWORD": "a1", "port": 5}, "list": [{"secret_key": ["b2"]}, "token=c3"]}
    shown = masked_body(json.dumps(body).encode(), 1000)
    assert not {"a1", "b2", "c3"} & set(shown.replace('"', " ").replace("=", " ").split())
    assert '"port": 5' in shown
    assert len(masked_body(b"x" * 500, 100)) == 100


def test_whatever_it_is_it_can_be_shown() -> None:
    """Bytes that are no text, JSON that never ends, escape sequences."""
    assert masked_body(b"\xff\x1b[31mred", 100).endswith("red")
    assert masked_body(b"[" * 100_000, 100)
    assert "…" in masked_body(b"[" * 50 + b"]" * 50, 5000)
