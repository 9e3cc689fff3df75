"""Fixtures for every test: real servers, started once a session, when first asked for."""

from __future__ import annotations

import gc
import logging
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import bot.cli.slim as _slim  # noqa: F401  (as the command line: rich takes seconds to draw a traceback)
from tests.support.broker import Broker
from tests.support.postgres import Postgres
from tests.support.scratch import keep_in_memory
from tests.support.tables import make_tables

pytest_plugins = ["tests.support.hung"]

# Else all that the tests start, some hundred bots and agents, compiles every module of ours anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# It fetches packages, and is a step of its own: `make install-test`.
collect_ignore = [] if os.environ.get("BATON_TEST_INSTALL") else ["install"]

keep_in_memory()

# How long an example takes says how busy the machine is.
settings.register_profile(
    "busy", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("fuzz", settings.get_profile("busy"), max_examples=2_000)
settings.load_profile("busy")

SERVERS = {"session_broker", "session_postgres", "stage"}
"""Fixtures that start a server beside the tests, or bots and agents that work against the clock."""
PROCESSES = re.compile(
    r"(stories|install)/.*|(.*/)?test_crashes\.py|baton/test_main\.py|alerts/test_trial\.py"
    r"|commands/deploy/test_(consumer|credentials|leftovers|live|lock|refs|source)\.py"
    r"|baton/process/test_(leftovers|orphans|program)\.py|baton/worker/test_(rbit_examples|whole_jobs)\.py"
    r"|baton/worker/processors/test_(http|interpreter|python|shell)\.py"
    r"|bot/cli/test_(alerts|audit|cli|dead|worker)\.py|bot/cli/console/test_(chat|jobs|login)\.py"
    r"|baton/scaffold/test_(making|updating)\.py|baton/worker/config/test_ini_logging\.py"
    r"|bot/alerting/commands/test_trial_process\.py"
    r"|test_(bench|containers|demo|first_command|forks|infrastructure|worker_page)\.py"
)
"""Tests that start processes, or begin again after each possible end."""
SLOW = re.compile(
    r"test_(expressions|fuzz)\.py|baton_slack_testing/test_(page|sockets)\.py"
    r"|baton/(test_monitor|testing/test_whole_chat)\.py|bot/cli/console/test_completion\.py"
    r"|bot/(scheduler/test_isolation|fronts/slack/test_start)\.py"
    r"|bot/(test_leader|posts/test_delays|schedules/test_times|web/test_fuzz)\.py"
    r"|bot/doctor/test_(doctor|bus_checks)\.py|bot/store/database/test_database\.py"
    r"|bot/fronts/slack/(listeners/test_replies|socket_mode/test_socket)\.py"
    r"|bot/web/console/(feed|sign_in)/.*|bot/dispatch/test_canonical_words\.py"
    r"|bot/store/(output/test_log_(lines|window)|sign_ins/test_sign_in_store)\.py"
)
"""Tests that wait for clocks that cannot be moved, or try much. So does each that has opened the
HTTP server, whose end takes a tenth of a second. Single ones are marked `slow`."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Of files in which nothing is quick, load none where only quick tests are wanted."""
    if config.option.markexpr != "quick" or collection_path.suffix != ".py":
        return None
    name = os.path.relpath(collection_path, Path(__file__).parent)
    return True if PROCESSES.fullmatch(name) or SLOW.fullmatch(name) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is quick, and what is tried with inputs that a machine makes up."""
    for item in items:
        name = os.path.relpath(item.path, Path(__file__).parent)
        servers = SERVERS.intersection(getattr(item, "fixturenames", ()))
        parameters = getattr(getattr(item, "callspec", None), "id", "")
        servers |= {kind for kind in ("rabbitmq", "postgresql") if kind in parameters}
        if servers or PROCESSES.fullmatch(name):
            continue
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("fuzz")
        opened = {"opened", "open_console"}.intersection(getattr(item, "fixturenames", ()))
        slow = SLOW.fullmatch(name) or opened
        if not slow and not item.get_closest_marker("slow"):
            item.add_marker("quick")


def pytest_collection_finish() -> None:
    """What is there now stays: the collector of garbage need not walk through it ever again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test sets up of the log ends with it. A logger that caches what it found would keep it
    for ever, and the tests after it would find nothing on standard output."""
    import structlog  # not before slim, which keeps rich out of it

    configure, kept, root = structlog.configure, structlog.get_config(), logging.getLogger()
    was_configured, level, handlers = structlog.is_configured(), root.level, list(root.handlers)

    def uncached(**given: Any) -> None:
        configure(**{**given, "cache_logger_on_first_use": False})

    monkeypatch.setattr(structlog, "configure", uncached)
    yield
    if structlog.get_config() != kept:
        configure(**kept) if was_configured else structlog.reset_defaults()
        root.setLevel(level)
        root.handlers[:] = handlers


@pytest.fixture(scope="session")
def session_broker() -> Iterator[Broker]:
    """The session's RabbitMQ; tests use `broker` or `amqp_url`."""
    broker = Broker()
    try:
        yield broker
    finally:
        broker.close()


@pytest.fixture
def broker(session_broker: Broker) -> Broker:
    """RabbitMQ, running and without an alarm whatever the test before did to it."""
    session_broker.start_now()
    session_broker.memory_alarm_now(False)
    return session_broker


@pytest.fixture
def amqp_url(broker: Broker) -> Iterator[str]:
    """A virtual host of the test's own on a real RabbitMQ."""
    url = broker.vhost()
    yield url
    if broker.running:
        broker.drop(url)


@pytest.fixture(scope="session")
def session_postgres() -> Iterator[Postgres]:
    """The session's PostgreSQL; tests use `postgres` or `postgres_url`."""
    postgres = Postgres()
    try:
        yield postgres
    finally:
        postgres.close()


@pytest.fixture
def postgres(session_postgres: Postgres) -> Postgres:
    """PostgreSQL, running whatever the test before did to it."""
    session_postgres.start_now()
    return session_postgres


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A database of the test's own, empty, as SQLAlchemy writes its URL."""
    url = postgres.database()
    yield url
    if postgres.running:
        postgres.drop(url)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of installed packages, beside those that are there."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return folder


@pytest.fixture(scope="session")
def postgres_template(session_postgres: Postgres) -> str:
    """The name of a database with the tables of the bot, to be copied."""
    session_postgres.start_now()
    url = session_postgres.database()
    make_tables(url)
    return url.rpartition("/")[2]


@pytest.fixture
def postgres_database(postgres: Postgres, postgres_template: str) -> Iterator[str]:
    """A database of the test's own with those tables, as SQLAlchemy writes its URL."""
    url = postgres.database(postgres_template)
    yield url
    if postgres.running:
        postgres.drop(url)
