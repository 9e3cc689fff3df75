from __future__ import annotations

from typing import Any

import pytest

from baton.errors import SettingsError
from baton.settings import validated
from commands.deploy.settings import AppSettings, DeploySettings, Limit, StepSettings, filled

SHOP: dict[str, Any] = {"path": "/srv/shop", "repository": "https://git.example.com/shop.git"}


def _load(**table: Any) -> AppSettings:
    settings: DeploySettings = validated(
        DeploySettings, {"shop": {**SHOP, **table}}, file="agent.toml", key="deploy"
    )
    return settings.root["shop"]


def test_little_is_needed() -> None:
    """A path and a repository make an app; all else has a default."""
    shop = _load()
    assert (shop.ref, shop.keep, shop.steps, shop.grace) == ("HEAD", 5, (), 10.0)


def test_a_step_is_a_list_or_a_table() -> None:
    """A plain list of words is a step; a table gives it a name and a timeout."""
    shop = _load(
        steps=[["make", "build"], {"name": "test", "run": ["make", "test"], "timeout": 60}]
    )
    assert shop.steps == (
        StepSettings(run=("make", "build")),
        StepSettings(run=("make", "test"), name="test", timeout=60),
    )
    assert [step.label for step in shop.steps] == ["make build", "test"]
    assert len(StepSettings(run=("x" * 99,)).label) == 48


@pytest.mark.parametrize(
    ("table", "key", "must"),
    [
        ({"path": "srv"}, "shop.path", "the absolute path of a folder of its own"),
        ({"path": "/"}, "shop.path", "the absolute path of a folder of its own"),
        ({"repository": "--upload-pack=x"}, "shop.repository", "address or the path of a git"),
        (
            {"fetch": ["get"]},
            "shop",
            "given one of a repository, an archive or a program to fetch with",
        ),
        ({"ref": "-x"}, "shop.ref", "It must be a branch, tag or commit of git"),
        ({"steps": ["make build"]}, "shop.steps.0", 'a list of words, such as ["make", "build"]'),
        ({"steps": [[]]}, "shop.steps.0.run", 'a list of words, such as ["make", "build"]'),
        ({"steps": [["a\0"]]}, "shop.steps.0.run", 'a list of words, such as ["make", "build"]'),
        (
            {"steps": [["make", "{branch}"]]},
            "shop.steps.0.run",
            "a program without {branch}: it can",
        ),
        ({"steps": [["{ref}"]]}, "shop.steps.0.run", "a program whose first word is fixed"),
        (
            {"steps": [{"run": ["a"], "nam": "b"}]},
            "shop.steps.0.nam",
            "one of irreversible, name, run, timeout",
        ),
        ({"stepz": []}, "shop.stepz", "one of archive, env, fetch, grace, health"),
        ({"restart": ["x", "{ref}"]}, "shop", "given a restart without {ref}"),
        ({"health": {}}, "shop.health", "either a url or a command"),
        ({"health": {"url": "http://u:pa/ss@h/"}}, "shop.health", "password has %2F for /"),
        ({"health": {"url": "ftp://x"}}, "shop.health", "a url that begins with http"),
        (
            {"health": {"command": ["a"], "status": 204}},
            "shop.health",
            "status and contains go with",
        ),
        ({"health": {"url": "http://x/{ref}"}}, "shop", "given a health check without {ref}"),
        ({"health": {"url": "http://x", "timeout": 0}}, "shop.health.timeout", "greater than 0"),
        ({"shared": ["../x"]}, "shop.shared", "paths inside a release"),
        ({"shared": ["/etc/passwd"]}, "shop.shared", "paths inside a release"),
        ({"keep": 0}, "shop.keep", "greater than or equal to 1"),
        ({"step_timeout": float("inf")}, "shop.step_timeout", "a finite number"),
        ({"step_timeout": 7200}, "shop", "a timeout of at least 7200 s: step_timeout is longer"),
        (
            {"steps": [{"run": ["a"], "timeout": 7200}]},
            "shop",
            "the timeout of a is longer than the whole deploy",
        ),
        (
            {"health": {"url": "http://x", "timeout": 90}, "timeout": 60},
            "shop",
            "the timeout of health is longer than the whole deploy",
        ),
        ({"timeout": 1e6}, "shop.timeout", "less than or equal to 604800"),
        ({"env": {"A B": "x"}}, "shop.env.A B.[key]", "match pattern"),
    ],
)
def test_a_wrong_setting_names_its_key_and_what_it_must_be(
    table: dict[str, Any], key: str, must: str
) -> None:
    """Every mistake is found before anything starts, under its key, with what would be right."""
    with pytest.raises(SettingsError) as caught:
        _load(**table)
    assert str(caught.value).startswith(f"agent.toml: deploy.{key}: ")
    assert must in str(caught.value)
    assert "pa/ss" not in str(caught.value)


def test_a_commit_is_unknown_to_a_program_that_fetches() -> None:
    """{commit} is refused where nothing would fill it."""
    table = {"path": "/srv/shop", "fetch": ["get", "{ref}"], "steps": [["echo", "{commit}"]]}
    with pytest.raises(SettingsError, match=r"given steps without \{commit\}"):
        validated(DeploySettings, {"shop": table}, file="agent.toml", key="deploy")


def test_the_limits_of_time_agree() -> None:
    """What a program may take is within what the whole may take."""
    assert _load(timeout=7200, step_timeout=7200).step_limit.seconds == 7200
    assert _load(timeout=60).step_limit == Limit(60, "timeout")
    shop = _load(restart=["a"], health={"url": "http://x", "timeout": 40}, grace=1)
    assert 900 + 40 < shop.rollback_time < 1000


def test_each_app_has_a_folder_of_its_own() -> None:
    """Two apps in one folder would prune each other's releases."""
    with pytest.raises(SettingsError, match="shop and stall have the same"):
        validated(DeploySettings, {"shop": SHOP, "stall": SHOP}, file="agent.toml", key="deploy")


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{ref}", "v1"),
        ("a{ref}b{ref}", "av1bv1"),
        ("{{ref}}", "{ref}"),
        ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),
        ("{print $1}", "{print $1}"),
        ("%{http_code}", "%{http_code}"),
    ],
)
def test_placeholders_are_filled_once_and_nothing_else_is_a_format(text: str, result: str) -> None:
    """Only {word} is a placeholder: JSON, awk and the like need no escapes."""
    assert filled(text, {"ref": "v1", "http_code": "%{http_code}"[1:]}) == result
    assert filled("{ref}", {"ref": "{app}", "app": "no"}) == "{app}"


def test_a_variable_is_masked_or_shown() -> None:
    """It cannot be both."""
    with pytest.raises(SettingsError, match="in only one of secrets and show: PIN is in both"):
        _load(secrets=["PIN"], show=["PIN"])


def test_a_value_of_a_variable_is_not_repeated() -> None:
    """What is wrong with it is told without it."""
    with pytest.raises(SettingsError) as caught:
        _load(env={"PGPASSWORD": 73519})
    assert "73519" not in str(caught.value)
    assert "deploy.shop.env.PGPASSWORD" in str(caught.value)
    assert "73519" not in repr(_load(env={"PGPASSWORD": "73519"}))
    with pytest.raises(SettingsError, match="invalid value 'many'"):
        _load(keep="many")
