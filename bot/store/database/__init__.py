"""The database itself: transactions, SQLite and PostgreSQL, how values are kept in columns."""
