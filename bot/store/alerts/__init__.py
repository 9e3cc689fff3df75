"""What is watched and what fires, the posts about it, and reloads of alerts.toml."""
