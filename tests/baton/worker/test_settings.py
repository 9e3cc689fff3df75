"""The settings of a worker: what they hold, and what the runner of a job is handed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from baton.errors import UsageError
from baton.worker.settings import PybitTable, RunnerSettings, WorkerSettings

DURATION = {"type": "duration", "default": "1h"}


def runner(**keys: Any) -> RunnerSettings:
    return RunnerSettings.model_validate({"runner": "shell!make report", **keys})


def test_what_arguments_are_checked_against_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for each job: that took longer than all else of a short one."""
    report = runner(args={"within": DURATION})
    report.accept({})
    monkeypatch.delattr("baton.worker.settings.model_of")
    assert report.accept({"within": "2m"}) == {"within": 120.0}


def test_a_queue_names_its_runner_or_says_more_in_a_table() -> None:
    settings = WorkerSettings.model_validate(
        {
            "worker": {"environment": "prod", "name": "build-1"},
            "queues": {"pdf": "html", "any.latex": {"runner": "html", "foreign": True}},
            "runner": {"html": {"runner": "python!acme.html:convert"}},
        }
    )
    assert settings.queues["pdf"].runner == "html"
    assert not settings.queues["pdf"].foreign
    assert settings.queues["any.latex"].foreign
    assert settings.runner["html"].processor == "python"
    assert settings.runner["html"].target == "acme.html:convert"
    assert settings.worker.server().fqdn == "build-1"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"timeout": "1h30m"}, 5400.0),
        ({"timeout": 90}, 90.0),
        ({"cpu": "2m"}, 120),
        ({"memory": "512MB"}, 512 * 1024**2),
        ({"memory": "2 GiB"}, 2 * 1024**3),
        ({"memory": 1048576}, 1048576),
    ],
)
def test_lengths_and_sizes_are_written_as_people_write_them(
    keys: dict[str, Any], expected: float
) -> None:
    assert getattr(runner(**keys), next(iter(keys))) == expected


@pytest.mark.parametrize(
    ("keys", "must"),
    [
        ({"timeout": "soon"}, "a length of time"),
        ({"timeout": 0}, "greater than 0"),
        ({"memory": "much"}, "a number of bytes, or a size"),
        ({"memory": "1KB"}, "greater than or equal to 1048576"),
        ({"pass_env": ["PATH=/bin"]}, "names of environment variables"),
        ({"folder": "here"}, "an absolute path"),
        ({"python": "python3"}, "an absolute path"),
        ({"args": {"Month": {"type": "text"}}}, "lower-case letters"),
        ({"args": {"timeout": {"type": "text"}}}, "another name"),
        ({"args": {"month": {"type": "text", "hlep": "x"}}}, "Extra inputs"),
        ({"concurrency": 0}, "greater than or equal to 1"),
    ],
)
def test_a_value_that_will_not_do_is_refused(keys: dict[str, Any], must: str) -> None:
    with pytest.raises(ValidationError) as error:
        runner(**keys)
    assert must in str(error.value)


def test_a_runner_is_handed_its_free_settings_and_its_own_line_as_in_rbit() -> None:
    assert runner(settings={"css": "a.css"}).handed == {
        "runner": "shell!make report",
        "css": "a.css",
    }


def test_arguments_that_were_sent_are_checked_again_by_the_worker() -> None:
    """The bot may know an older version of this runner."""
    report = runner(args={"month": {"type": "choice", "of": ["may"]}, "within": DURATION})
    assert report.accept({"month": "may", "within": "2m"}) == {"month": "may", "within": 120.0}
    assert report.accept({"month": "may"}) == {"month": "may", "within": 3600.0}
    for given, problem in [
        ({}, "MONTH is missing."),
        ({"month": "june"}, "it must be one of may."),
        ({"month": "may", "wihtin": "1h"}, "no argument “wihtin” here. Did you mean within?"),
    ]:
        with pytest.raises(UsageError) as error:
            report.accept(given)
        assert problem in str(error.value)


@pytest.mark.parametrize(
    "url", ["pybit.example.com", "ftp://x", "https://u:p@pybit.example.com", "https://x/?a=b"]
)
def test_the_address_of_pybit_is_a_plain_one(url: str) -> None:
    with pytest.raises(ValidationError):
        PybitTable(url=url)
