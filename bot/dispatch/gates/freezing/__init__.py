"""Freezes: tables of the settings, and calendars that they name, read into windows of time."""
