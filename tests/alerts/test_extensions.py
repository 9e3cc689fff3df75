"""Rules of alerts that installed distributions bring: beside those of the file, never instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts import load_alerts
from alerts.extensions import installed_rules
from alerts.settings import rules_left_out
from tests.support.distributions import distribution

FILE = """
channel = "C1"
[[probe]]
name = "shop"
url = "https://shop.example.com/"
[[route]]
match = "env=prod"
channel = "C2"
"""
RULES = """
[[probe]]
name = "mail"
tcp = "mail-1:25"
[[route]]
match = "probe=mail"
channel = "C3"
[[inhibit]]
source = "probe=mail"
target = "app=news"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "alerts.toml"
    path.write_text(FILE)
    return path


def bring(site: Path, name: str, rules: str) -> None:
    """Install a distribution with these rules."""
    module = name.replace("-", "_")
    (site / f"{module}.py").write_text(f"rules = {rules!r}\n")
    distribution(site, name, "1.0", f"{name} = {module}:rules", group="baton.alerts")


def test_they_stand_behind_those_of_the_file(site: Path, file: Path) -> None:
    """The file decides first: the first route that matches wins. Its own settings stay."""
    bring(site, "acme-mail-rules", RULES)
    settings = load_alerts(file)
    assert [probe.name for probe in settings.probe] == ["shop", "mail"]
    assert settings.channels == ("C1", "C2", "C3")
    assert len(settings.inhibit) == 1
    assert rules_left_out(file) == ()


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("[[probe]]\nname = 'x'\n\ntcp = 5\n", "line 4: probe.0.tcp"),
        ("channel = 'C9'\n", "line 1: channel: there is no such key"),
        ("[[route]]\nmatch = 'a=b'\nchannel = '#ops'\n", "line 3: route.0.channel"),
        ("[[route]\n", "it is not valid TOML"),
        (
            "[[probe]]\nname = 'shop'\ntcp = 'shop-1:80'\n",
            "there is another probe shop",
        ),
    ],
)
def test_what_is_invalid_is_left_out(
    site: Path, file: Path, rules: str, said: str, request: pytest.FixtureRequest
) -> None:
    """It is named with its package and its line; the alerts of the file and of others are there."""
    name = f"acme-bad-{request.node.callspec.indices['rules']}"
    bring(site, name, rules)
    bring(site, f"{name}-not", RULES)
    settings = load_alerts(file)
    assert [probe.name for probe in settings.probe] == ["shop", "mail"]
    (left_out,) = rules_left_out(file)
    assert f"the alert {name} of {name} 1.0: " in left_out
    assert said in left_out


def test_rules_are_a_text(site: Path, file: Path) -> None:
    """Nothing else is taken for it."""
    (site / "acme_no_rules.py").write_text("rules = 5\n")
    distribution(site, "acme-no-rules", "1.0", "x = acme_no_rules:rules", group="baton.alerts")
    (one,) = installed_rules()
    assert one.reason == "what it names is not a text with tables of TOML"
    assert len(load_alerts(file).probe) == 1
