"""What a deploy masks: every value of its environment, but what everybody may know."""

from __future__ import annotations

import base64
from functools import partial

import pytest

from baton.bus.messages import State
from baton.process.output_lines import MASK, Secrets
from commands.deploy.masking import passwords, secret_values
from tests.commands.conftest import MakeKit
from tests.support.quick import INPUT, quickly

PATHS = {"/usr", "/srv"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PGPASSWORD", "hunter"),
        ("SECRET_KEY_BASE", "0f9a8b7c"),
        ("NPM_TOKEN", "production"),
        ("DB_PASS", "test"),
        ("MYSQL_PWD", "12345"),
        ("DATABASE_URL", "postgres://u:pw@h/d"),
        ("SENTRY_DSN", "https://0123456789abcdef@sentry.example.com/1"),
        ("HOOK", "https://hooks.example.com/services/T0/B0/x"),
        ("WHATEVER", "correct horse"),
        ("PLAIN", "/3fGh+0==/x"),
        ("JSON", '{"password": "x"}'),
    ],
)
def test_a_value_is_masked_whatever_its_name_is(name: str, value: str) -> None:
    """No list of bad names is ever whole: a variable is a secret unless it is told otherwise."""
    mask = Secrets(secret_values({name: value}, exists=PATHS.__contains__)).mask
    assert mask(f"x={value};") == f"x={MASK};"
    assert mask(f"{value}{value}") == MASK * 2


@pytest.mark.parametrize(
    "value",
    [
        "production", "Staging", "true", "1", "", "8080", "0.5", "info", "30s", "512M",
        "10.0.0.5:80", "1.2.3", "en_US.UTF-8", "C.UTF-8", "Europe/Berlin", "/srv/shop/data",
        "/usr/bin:/usr/sbin",
        "shop",
    ],
)  # fmt: skip
def test_what_everybody_may_know_is_not_masked(value: str) -> None:
    """To mask it would blot out the output."""
    found = secret_values({"SETTING": value}, known={"shop"}, exists=PATHS.__contains__)
    text = f"{value} is the value in 1 of 8080 lines of production"
    assert Secrets(found).mask(text) == text


def test_the_settings_have_the_last_word() -> None:
    """`show` shows what looks secret, `secrets` masks what does not; a password in an address is
    masked in either."""
    env = {"API_KEY": "abcd1234", "STAGE": "production", "URL": "redis://:s3cr3t@h/0"}
    found = secret_values(env, secrets=["STAGE"], show=["API_KEY", "URL"])
    text = Secrets(found).mask("abcd1234 production redis://:s3cr3t@h/0 s3cr3t")
    assert text == f"abcd1234 {MASK} redis://:{MASK}@h/0 {MASK}"


def test_a_password_is_masked_in_whatever_form_it_comes() -> None:
    """Decoded, encoded, and as a header holds it."""
    secrets = Secrets(passwords("connect to https://ann:p%40ss%2Fw@h/a now"))
    basic = base64.b64encode(b"ann:p@ss/w").decode()
    for form in ("p@ss/w", "p%40ss%2Fw", basic):
        assert secrets.mask(f"<{form}>") == f"<{MASK}>"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("amqp://baton:s3cr3t@h:5672/", f"amqp://baton:{MASK}@h:5672/"),
        ("a=postgres://u:pa/ss@h/d b", f"a=postgres://u:{MASK}@h/d b"),
        ("redis://:pw@h", f"redis://:{MASK}@h"),
        ("https://ghp_0123456789abcdef@h/a", f"https://{MASK}@h/a"),
        ("git+ssh://git@h/a", "git+ssh://git@h/a"),
        ("http://registry:4873/@scope/a", "http://registry:4873/@scope/a"),
        ("see http://h:80/ or ann@h", "see http://h:80/ or ann@h"),
    ],
)
def test_a_password_in_any_address_is_masked(text: str, shown: str) -> None:
    """Also in one that nobody has configured."""
    assert Secrets().mask(text) == shown


def test_masking_takes_no_longer_than_reading() -> None:
    """Whatever a program writes."""
    for text in ("://" * 20_000, "://a:" * 12_000, "://" + "a" * 60_000, "a:b@" * 15_000):
        quickly(partial(Secrets(["hunter22"]).mask, text), within=5 * INPUT)


async def test_values_do_not_show_in_a_deploy(make_kit: MakeKit) -> None:
    """Neither in output, nor in a reason, nor in the name of a step."""
    env = {
        "PGPASSWORD": "wordpass1",
        "DATABASE_URL": "postgres://u:pw-in-url@h/d",
        "MODE": "plainly",
    }
    step = ["sh", "-c", "echo $PGPASSWORD $DATABASE_URL $MODE; : wordpass1; exec $PGPASSWORD"]
    asked = await make_kit(env=env, show=["MODE"], steps=[step]).ask("deploy shop prod --ref v1")
    assert asked.state is State.FAILED
    everything = "\n".join(update.model_dump_json() for update in asked.updates)
    assert "wordpass1" not in everything
    assert "pw-in-url" not in everything
    assert f"{MASK} {MASK} plainly" in asked.log
