"""Fixtures for every test: real servers, started once a session, when first asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.broker import Broker
from tests.support.postgres import Postgres

pytest_plugins = ["tests.support.hung"]

# It fetches packages, and is a step of its own: `make install-test`.
collect_ignore = [] if os.environ.get("BATON_TEST_INSTALL") else ["install"]

# How long an example takes says how busy the machine is.
settings.register_profile(
    "busy", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy")


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
