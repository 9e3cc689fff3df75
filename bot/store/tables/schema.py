"""Holds all tables together: each names itself here, for Alembic and for the tests."""

from __future__ import annotations

from sqlalchemy import MetaData

metadata = MetaData()
