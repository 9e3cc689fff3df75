"""Schedules: created by /schedule, and fired when their time has come."""
