"""Rules for tests that are about something else."""

from __future__ import annotations

from bot.dispatch.policy import Policy, Rule

OPEN = Policy([Rule(who=("*",))])
"""Every member may do and read everything everywhere."""

OPEN_TOML = '[[allow]]\nwho = ["*"]\n'
"""The same in baton.toml."""
