"""The bot as a whole: the one place that wires it, and what runs it."""
