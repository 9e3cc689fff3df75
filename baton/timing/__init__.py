"""Time: how long and when, as people write it, and how to wait."""
