"""The database itself: transactions over SQLite and PostgreSQL, and the types of columns."""
