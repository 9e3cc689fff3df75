"""Tests of bot/dispatch/gates/freezing."""
