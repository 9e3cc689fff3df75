"""alerts.toml: what a whole file gives, and what an error names."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.settings import load_alerts, parse_alerts
from baton.errors import SettingsError
from tests.alerts.harness import config

GOOD = """\
channel = "C_OPS"
group_wait = "10s"
mention = "@oncall"

[gateways]
prod = "gw-1.example.net"

[[route]]
match = 'env=prod host=~"web-.*"'
channel = "C_WEB"
group_by = [
    "env",
    "host",
]
continue = true

[[route]]
channel = "C_REST"

[[checkin]]
name = "backup"
cron = "0 3 * * *"
zone = "Europe/Berlin"
severity = "critical"
labels = { team = "db" }

[[probe]]
name = "shop"
env = "prod"
url = "https://shop.example.net/health"
status = 204
down_after = 5
"""


def test_a_whole_file() -> None:
    settings = parse_alerts(GOOD)
    first, second = settings.routes
    assert (first.channel, first.group_by, first.wait, first.continues) == (
        "C_WEB",
        ("env", "host"),
        10,
        True,
    )
    assert (second.channel, second.group_by, second.continues) == (
        "C_REST",
        ("env", "alertname"),
        False,
    )
    assert settings.channels == ("C_OPS", "C_WEB", "C_REST")
    assert settings.thresholds_by_source()["probe/shop"].down_after == 5
    assert settings.thresholds_by_source()["probe/shop"].up_after == 2
    assert settings.probe[0].identity.title() == "http probe=shop in prod"
    assert settings.checkin[0].identity.get("team") == "db"
    assert [str(rule) for rule in settings.rules] == [
        'alertname=silent mutes app=~".+" if these labels are equal: env, host',
        'alertname=silent mutes probe=~".+" if these labels are equal: host',
        "alertname=silent env=prod host=gw-1.example.net mutes alertname=silent env=prod"
        " if these labels are equal: env",
    ]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('channel = "ops"\n\n[flapping\n', 3, "it is not valid TOML"),
        ("channel = \"ops\"\nx = '''\n\nno end", 4, "it is not valid TOML"),
        ('channel = "ops"\nchannnel = "x"\n', 2, "did you mean channel?"),
        ('channel = "ops"\n\n[flapping]\nhigh = 30\nlow = "x"\n', 5, "flapping.low"),
        (
            'channel = "ops"\n[flapping]\nhigh = 10\nlow = 20\n',
            2,
            "set so that high is at least low",
        ),
        ('channel = "ops"\ngroup_wait = "soon"\n', 2, "a length of time such as 30s"),
        (
            'channel = "ops"\n[[route]]\nchannel = "a"\ngroup_by = [\n  "env",\n  "host",\n]\n'
            '[[route]]\n# a comment\nmatch = "env>prod"\nchannel = "b"\n',
            10,
            "Invalid matcher “env>prod”",
        ),
        ('channel = "ops"\n[[route]]\nchanel = "a"\n', 3, "did you mean channel?"),
        ('channel = "ops"\n[[route]]\ncontinues = true\n', 3, "one of channel, continue,"),
        ('channel = "ops"\n[[checkin]]\nname = "a"\n', 2, "either every or cron"),
        ('channel = "ops"\n[[checkin]]\nname = "a"\ncron = "* *"\n', 4, "five fields"),
        (
            'channel = "ops"\n' + 2 * '[[probe]]\nname = "a"\ntcp = "h:1"\n',
            2,
            "a is used twice",
        ),
        ('channel = "ops"\n[[probe]]\nname = "a"\ncommand = "x"\n', 2, "a probe with a host"),
        ('channel = "ops"\n[[probe]]\nname = "a"\ncommand = ["x"]\n', 4, "the name of a check"),
        ('channel = "ops"\n[[probe]]\nname = "a"\ncommand = "rm -r x"\n', 4, "name of a check"),
        ('channel = "ops"\n[[probe]]\nname = "a"\ntcp = "h:65536"\n', 4, "a port of 1 to 65535"),
        (
            'channel = "ops"\n[[maintenance]]\nmatch = "env=prod"\nreason = "x"\n',
            2,
            "either start and a later end, or cron and length",
        ),
        ("[flapping]\nhigh = 30\n", 0, "channel: is not set"),
        ('channel = "ops"\n[[inhibit]]\nsource = "a=b"\n', 2, "inhibit.0.target: is not set"),
        ('channel = "ops"\n[gateways]\n"prod" = "a b"\n', 3, "gateways.prod"),
        (
            'channel = "ops"\n[[checkin]]\nname = "a"\nevery = "1h"\ntoken = 5\n',
            5,
            "token: invalid value",
        ),
    ],
)
def test_an_error_names_file_line_and_reason(text: str, line: int, reason: str) -> None:
    """An invalid file is refused with the file, the line, and what is expected."""
    with pytest.raises(SettingsError) as caught:
        parse_alerts(text, "alerts.toml")
    said = str(caught.value)
    assert said.startswith(f"alerts.toml, line {line}: " if line else "alerts.toml: "), said
    assert reason in said, said


@pytest.mark.parametrize(
    ("text", "line", "name"),
    [
        ('channel = "#ops"', 1, "#ops"),
        ('channel = "C_OPS"\nboard = ["C_OPS", "ops"]', 2, "ops"),
        ('channel = "C_OPS"\n[[route]]\n[[route]]\nchannel = "web team"', 4, "web team"),
    ],
)
def test_a_channel_is_named_by_its_id(text: str, line: int, name: str, tmp_path: Path) -> None:
    """Slack posts by a channel's name, but edits by its ID only; and names change."""
    file = tmp_path / "alerts.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_alerts(file)
    said = str(caught.value)
    assert said.startswith(f"{file}, line {line}: ")
    assert f"“{name}” is not a channel ID" in said


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_alerts(tmp_path / "alerts.toml")
    (tmp_path / "alerts.toml").write_text(GOOD)
    assert load_alerts(tmp_path / "alerts.toml") == parse_alerts(GOOD)


def test_labels_that_fit_no_alert_are_refused_with_the_file() -> None:
    long = "x" * 300
    with pytest.raises(SettingsError, match="values of labels of at most 256"):
        config(f'[[probe]]\nname = "p"\ntcp = "db:5432"\nlabels = {{ team = "{long}" }}\n')


def test_two_check_ins_with_one_token_are_refused_with_both_lines() -> None:
    """After copy and paste, every ping would count for the last of them."""
    text = (
        'channel = "C1"\n\n[[checkin]]\nname = "backup"\ntoken = "t"\nevery = "1d"\n\n'
        '[[checkin]]\nname = "db"\ntoken = "t"\nevery = "1d"\n'
    )
    with pytest.raises(SettingsError, match=r"line 10.*db has the same token as backup \(line 5\)"):
        parse_alerts(text)
    parse_alerts(text.replace('token = "t"\n', ""))  # heard over the bus only


def test_where_is_a_whole_path() -> None:
    """The folder in which the bot was started must not decide where recordings go."""
    found = config('[recording]\nfolder = "/var/lib/x"\n').recording
    assert found is not None
    assert found.keep == 7 * 86400
    with pytest.raises(SettingsError, match=r"line 4.*whole path of a folder"):
        config('[recording]\nfolder = "recordings"\n')
