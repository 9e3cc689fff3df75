"""Freezes: the tables of the settings and the calendars that they name, read into windows of time."""
