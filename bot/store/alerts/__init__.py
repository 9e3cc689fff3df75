"""Alerts: the state of the engine, the posts about it, and reloads of alerts.toml."""
