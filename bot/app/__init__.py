"""The bot, put together: the one place that wires its parts, and what it does again and again.

assemble.py  the one place that wires
periodic.py  the table of recurring work   upkeep.py  what such a round does for the bot itself
"""
