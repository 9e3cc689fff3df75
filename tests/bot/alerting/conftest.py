"""A store and a stage as the bot's own tests have them."""

from __future__ import annotations

from tests.bot.conftest import database, stage, store, template

__all__ = ["database", "stage", "store", "template"]
