"""Timing is about how long and when, as people write it, and about how to wait."""
