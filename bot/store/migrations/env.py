"""Run by Alembic: the steps, on the connection and in the transaction that it was given."""

from __future__ import annotations

from alembic import context

from bot.store.tables import metadata

# SQLite can undo schema changes too, when the transaction was begun by hand, as ours are.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
