"""The address of a repository and its password go apart."""

from __future__ import annotations

import pytest

from baton.errors import SettingsError
from baton.settings import validated
from commands.deploy.address import Address, address
from commands.deploy.settings import DeploySettings


@pytest.mark.parametrize(
    ("repository", "url", "user", "password"),
    [
        ("https://ann:s3cr3t@h/a.git", "https://ann@h/a.git", "ann", "s3cr3t"),
        ("https://ann:p%40%2Fw@h:8443/a?b#c", "https://ann@h:8443/a?b#c", "ann", "p@/w"),
        ("https://ghp_0123456789abcdef@h/a", "https://h/a", "ghp_0123456789abcdef", ""),
        ("https://:s3cr3t@h/a", "https://h/a", "", "s3cr3t"),
        ("HTTPS://ann:s3cr3t@[::1]:80/a", "HTTPS://ann@[::1]:80/a", "ann", "s3cr3t"),
        ("ssh://git:s3cr3t@h/a", "ssh://git@h/a", "git", "s3cr3t"),
        ("https://h:8443/@scope/a", "https://h:8443/@scope/a", "", ""),
        ("https://ann@h/a", "https://ann@h/a", "", ""),
        ("ssh://git@h/a.git", "ssh://git@h/a.git", "", ""),
        ("git@h:a.git", "git@h:a.git", "", ""),
        ("/srv/git/a@b.git", "/srv/git/a@b.git", "", ""),
    ],
)
def test_a_password_is_taken_out(repository: str, url: str, user: str, password: str) -> None:
    """What everybody may see holds neither password nor token; the rest is as it was written."""
    assert address(repository) == Address(url, user, password)
    assert bool(address(repository).secrets) == bool(user or password)


@pytest.mark.parametrize(
    ("repository", "must"),
    [
        ("https://ann:pa/ss2@h/a", "%2F for /"),
        ("https://ann:pa?ss2@h/a", "%3F for ?"),
        ("https://ann:pa#ss2@h/a", "%23 for #"),
        ("https://ann:pa@ss2@h/a", "%40 for each @"),
        ("https://ann:pa%0Ass2@h/a", "in one line"),
    ],
)
def test_one_that_cannot_be_read_is_not_repeated(repository: str, must: str) -> None:
    """The error says how to write it, and shows nothing of the password."""
    table = {"shop": {"path": "/srv/shop", "repository": repository}}
    with pytest.raises(SettingsError) as caught:
        validated(DeploySettings, table, file="agent.toml", key="deploy")
    assert must in str(caught.value)
    assert "pa" not in str(caught.value).replace("path", "").replace("password", "")
    assert "ss2" not in str(caught.value)


def test_what_is_set_in_the_same_way_stays() -> None:
    """Settings of git that the environment of an app holds are followed by ours."""
    given = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.proxy", "GIT_CONFIG_VALUE_0": "x"}
    variables = address("https://ann:s3cr3t@h/a").variables(given)
    assert variables["GIT_CONFIG_COUNT"] == "3"
    assert "GIT_CONFIG_KEY_0" not in variables
    assert variables["GIT_CONFIG_KEY_1"] == "credential.https://h.helper"
    assert "s3cr3t" not in "".join(variables.values()).replace(variables["BATON_GIT_PASSWORD"], "")
