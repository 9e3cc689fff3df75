"""Old settings files become new ones, with a table of what changes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner
from yarl import URL

from alerts import load_alerts
from baton.agent.settings import AGENT_VARIABLES, AgentSettings
from baton.bus.channel import Envelope
from baton.bus.connect import connect
from baton.bus.exchanges import INPUT, foreign_queue
from baton.errors import SettingsError
from baton.migrate import toml_text
from baton.migrate.cfg import migrate_cfg, read_cfg
from baton.migrate.crontab import migrate_crontab
from baton.migrate.dry_run import dry_run, would_do
from baton.migrate.rbit import migrate_rbit
from baton.settings import load
from baton.worker.config.reading import read
from baton.worker.processors.placeholders import Template
from baton.worker.pybit.build_request import encode
from baton.worker.settings import RunnerSettings, WorkerSettings
from bot.cli import app
from tests.bot.cli.program import WITHOUT_EXTRA, ran
from tests.support.queues import first_of

CFG = """\
# of the Ruby Baton
RABBIT_HOST: mq-1.example.com,mq-2.example.com # a pool
RABBIT_PORT: 5673
RABBIT_VHOST: /baton
RABBIT_USER: "bat: on"
RABBIT_PASS: 'it''s # /here'
RABBIT_HEARTBEAT: 30
LOG_FILE:
COLOUR: red
"""

INI = """\
[DEFAULT]
css = base "x".css
[rbit]
name = bob
box = 7
queue-mappings =
    any_any_latex_pdf:print
    other:legacy
[amqp]
host = mq
password = p/w
[runner:print]
runner = shell!html2pdf %ID.pdf %URI
[runner:legacy]
runner = python!acme.legacy:make
output-dir = /srv/pdf
    and more
python = /opt/py24/bin/python
[logger_root]
level = INFO
"""

CRON = """\
MAILTO=ops@example.com
# nightly
30 3 * * 1-5  root /usr/local/bin/backup --all
@hourly root cd /srv && ./sync | tee sync.log
0 4 1 * * root /usr/local/bin/backup --month $(date +\\%m)
@reboot root /usr/local/bin/announce
5 5 * * * root mail ops%see the log
"""

FIELDS = {"id": 41, "package": "m1", "version": "2", "uri": "http://src/m1"}


def test_a_baton_cfg_becomes_an_agent_toml(tmp_path: Path) -> None:
    made = migrate_cfg(CFG, "baton.cfg")
    file = tmp_path / made.name
    file.write_text(made.text)
    settings = load(AgentSettings, file, AGENT_VARIABLES, {})
    account = "bat%3A%20on:it%27s%20%23%20%2Fhere"
    assert settings.bus.urls == [
        f"amqp://{account}@mq-{n}.example.com:5673/%2Fbaton?heartbeat=30" for n in (1, 2)
    ]
    changed = {change.before: change.after for change in made.changes}
    assert changed["RABBIT_HOST"] == "[bus] url"
    assert changed["LOG_FILE"] == changed["COLOUR"] == "nothing"


def test_a_baton_cfg_that_says_little_gets_what_the_ruby_baton_took(tmp_path: Path) -> None:
    for text in ("RABBIT_HOST:\n", "RABBIT_VHOST: ~\nRABBIT_USER: # none\n"):
        tables = tomllib.loads(migrate_cfg(text, "baton.cfg").text)
        assert tables["bus"]["url"] == "amqp://guest:guest@localhost:5672/%2F"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("RABBIT_HOST: mq\n- a\n", "baton.cfg, line 2: this line: it is no line KEY: value"),
        ("RABBIT_HOST: [a, b]", "line 1: this line: it is no simple value"),
        ("RABBIT_HOST: &a mq", "line 1: this line: it is no simple value"),
        ('RABBIT_PASS: "a\\nb"', "line 1: this line: its quotes are not read here"),
        ("RABBIT_HOST: a\nRABBIT_PORT: many", "line 2: this line: invalid port 'many'"),
        ("RABBIT_HOST:mq", "line 1: this line: it is no line KEY: value"),
    ],
)
def test_what_is_more_than_lines_of_keys_is_refused_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(SettingsError) as error:
        migrate_cfg(text, "baton.cfg")
    assert problem in str(error.value)


def test_the_lines_of_a_baton_cfg_are_read_as_yaml_reads_them() -> None:
    yaml = pytest.importorskip("yaml")
    given = {key: value for key, (value, _) in read_cfg(CFG, "baton.cfg").items()}
    theirs = {
        key: "" if value is None else str(value) for key, value in yaml.safe_load(CFG).items()
    }
    assert given == theirs


def test_an_ini_becomes_a_worker_toml_that_means_the_same(tmp_path: Path) -> None:
    old, new = tmp_path / "rbit.ini", tmp_path / "worker.toml"
    old.write_text(INI)
    before = read(old, {})
    made = migrate_rbit(before)
    new.write_text(made.text)
    assert read(new, {}).settings == before.settings
    told = {change.before: change.after for change in made.changes}
    assert told["line 5: [rbit] box"] == "nothing"
    assert told["the sections about the log"] == "nothing"
    assert told["[runner:print]"] == "[runner.print]"


def test_what_a_runner_does_not_use_is_left_out_and_told(tmp_path: Path) -> None:
    """A worker would refuse it."""
    old, new = tmp_path / "rbit.ini", tmp_path / "worker.toml"
    old.write_text(INI.replace("runner = shell!", "python = /bin/sh\nx = y\nrunner = shell!"))
    made = migrate_rbit(read(old, {}))
    new.write_text(made.text)
    runner = read(new, {}).settings.runner["print"]
    assert (runner.processor, runner.python, dict(runner.settings)) == ("shell", None, {})
    told = {change.before: (change.after, change.remark) for change in made.changes}
    for key in ("python", "x"):
        assert told[f"[runner:print] {key}"] == ("nothing", "it has no effect on a program")


def test_lines_of_a_crontab_become_runners_with_the_words_that_schedule_them() -> None:
    made = migrate_crontab(CRON, "/etc/crontab", {"root", "www"})
    tables = tomllib.loads(made.text)
    assert tables["queues"] == {"backup": "backup", "cd": "cd", "backup-2": "backup-2"}
    runners = {
        name: RunnerSettings.model_validate(table) for name, table in tables["runner"].items()
    }
    argv = {name: Template.parse(one.target, ()).filled({}) for name, one in runners.items()}
    assert argv == {
        "backup": ("/usr/local/bin/backup", "--all"),
        "cd": ("sh", "-c", "cd /srv && ./sync | tee sync.log"),
        "backup-2": ("sh", "-c", "/usr/local/bin/backup --month $(date +%m)"),
    }
    told = {change.before: change.after for change in made.changes}
    assert told["line 3: 30 3 * * 1-5"] == "/schedule backup cron 30 3 * * 1-5"
    assert told["line 4: 0 * * * *"] == "/schedule cd cron 0 * * * *"
    assert told["line 6: @reboot root /usr/local/bin/announce"] == "nothing"
    assert told["line 7: mail ops%see the log"] == "nothing"
    assert told["MAILTO=ops@example.com"] == "nothing"


def test_a_job_that_stays_in_cron_can_check_in(tmp_path: Path) -> None:
    """What stands in the comments is a check-in as alerts.toml has it."""
    made = migrate_crontab(CRON, "/etc/crontab", {"root"})
    line = (
        "# 30 3 * * 1-5 root /usr/local/bin/backup --all; curl -fsS https://BATON/checkin/SECRET/$?"
    )
    assert line in made.text.splitlines()
    (block, *_) = re.findall(r"(?m)^# \[\[checkin\]\]\n(?:# \w+ = .*\n)+", made.text)
    file = tmp_path / "alerts.toml"
    file.write_text(f'channel = "C0123ABCD"\n{block.replace("# ", "")}')
    assert [each.cron for each in load_alerts(file).checkin] == ["30 3 * * 1-5"]


def test_a_crontab_of_a_person_names_no_users() -> None:
    made = migrate_crontab("0 3 * * * root-backup now\n", "crontab", {"root"})
    (runner,) = tomllib.loads(made.text)["runner"].values()
    assert runner["runner"] == "shell!root-backup now"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0 3 * *\n", "line 1: this line: it has no command"),
        ("0 3 * * *\n", "line 1: this line: it has no command"),
        ("\n61 3 * * * a\n", "line 2: this line: its time '61 3 * * *' is none"),
        ("some words of a letter here\n", "line 1: this line: its time"),
    ],
)
def test_a_line_that_is_none_of_a_crontab_is_refused(text: str, problem: str) -> None:
    with pytest.raises(SettingsError) as error:
        migrate_crontab(text, "crontab")
    assert problem in str(error.value)


@pytest.mark.parametrize("given", ['a"b\\c', "line\nend\t\x7f\x00", "é日", 3, 1.5, True, ["a", 1]])
def test_what_is_written_as_toml_is_read_again(given: object) -> None:
    text = toml_text.table("a b", "c", **{"x.y": given, "plain": given, "none": None})
    assert tomllib.loads(text) == {"a b": {"c": {"x.y": given, "plain": given}}}


def worker(runner: str) -> WorkerSettings:
    return WorkerSettings.model_validate(
        {
            "worker": {"environment": "prod", "name": "w"},
            "queues": {"pdf": {"runner": "print", "foreign": True}, "none": "print"},
            "runner": {"print": {"runner": runner}},
        }
    )


@pytest.mark.parametrize(
    ("runner", "body", "said"),
    [
        (
            "shell!html2pdf '%ID of me' %PACKAGE",
            encode(FIELDS),
            "job 41, m1 2 -> print: ['html2pdf', '41 of me', 'm1']",
        ),
        ("python!a.b:c", encode(FIELDS), "job 41, m1 2 -> print: python!a.b:c"),
        (
            "shell!html2pdf %SUITE",
            encode(FIELDS),
            "job 41, m1 2 -> print refuses it: the request says nothing for %SUITE",
        ),
        ("shell!html2pdf %NOPE", encode(FIELDS), "shell!html2pdf %NOPE cannot be run: it must be"),
        ("python!a:b", b"{}", "a message that no runner gets, but the dead letters: This is not a"),
        (
            "python!a:b",
            b'{"py/object": "CancelRequest", "job": {"py/object": "Job", "id": 41}}',
            "job 41 -> cancelled",
        ),
    ],
)
def test_a_dry_run_says_what_a_worker_would_do(runner: str, body: bytes, said: str) -> None:
    assert said in would_do(body, "pdf", "print", worker(runner))


async def test_a_dry_run_leaves_the_queue_as_it_was(amqp_url: str, tmp_path: Path) -> None:
    """No message is acknowledged, lost or put in another place; from the command line neither,
    also where the packages of a bot are not installed."""
    channel = await connect(amqp_url, owner=True)
    await channel.wait_up()
    await channel.declare(foreign_queue("pdf"), [(INPUT, "pdf")])
    bodies = [encode({**FIELDS, "id": job}) for job in (1, 2, 3)]
    for body in bodies:
        await channel.publish(INPUT, "pdf", Envelope(body), mandatory=True)
    for _ in range(2):
        lines = [line async for line in dry_run(channel, worker("python!a:b"), most=2)]
        assert lines == [
            "pdf: 3 waiting",
            "  job 1, m1 2 -> print: python!a:b",
            "  job 2, m1 2 -> print: python!a:b",
            "none: there is no such queue: the worker would make it",
        ]
    url = URL(amqp_url)
    account = f"user = {url.user}\npassword = {url.password}\nvirtual_host = {url.path[1:]}\n"
    file = tmp_path / "rbit.ini"
    file.write_text(
        "[rbit]\nqueue-mappings = pdf:print\n"
        f"[amqp]\nhost = {url.host}\nport = {url.port}\n{account}"
        "[runner:print]\nrunner = shell!html2pdf %ID.pdf\n"
    )
    code, out, err = await ran("migrate", str(file), "--dry-run", before=WITHOUT_EXTRA)
    assert (code, err) == (0, "")
    assert out.splitlines() == ["pdf: 3 waiting"] + [
        f"  job {job}, m1 2 -> print: ['html2pdf', '{job}.pdf']" for job in (1, 2, 3)
    ]
    found = [await first_of(channel, foreign_queue("pdf")) for _ in bodies]
    assert [one.envelope.body for one in found if one is not None] == bodies
    await channel.close()


@pytest.mark.parametrize(
    ("name", "text", "made"),
    [
        ("baton.cfg", CFG, "[agent]"),
        ("rbit.cfg", INI, "[runner.legacy.settings]"),
        ("crontab", "0 3 * * * backup\n", "[runner.backup]"),
    ],
)
def test_the_new_file_goes_to_stdout_and_what_changes_to_stderr(
    name: str, text: str, made: str, tmp_path: Path
) -> None:
    """What it is, is told by what stands in it, not by its name."""
    (tmp_path / name).write_text(text)
    result = CliRunner().invoke(app, ["migrate", str(tmp_path / name)])
    assert result.exit_code == 0, result.output
    tomllib.loads(result.stdout)
    assert made in result.stdout
    assert f"{name} -> " in result.stderr
    assert "what to know" in result.stderr


def test_a_crontab_comes_from_stdin_too() -> None:
    """As `crontab -l | baton migrate -` has it; an INI does not."""
    result = CliRunner().invoke(app, ["migrate", "-"], input="0 3 * * * backup\n")
    assert (result.exit_code, "[runner.backup]" in result.stdout) == (0, True)
    result = CliRunner().invoke(app, ["migrate", "-"], input=INI)
    assert "is read from a file" in str(result.exception)
