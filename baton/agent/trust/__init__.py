"""Whom an agent or a worker believes, and what it takes from them.

settings   the tables `[signing]` and `[allow]` of a settings file
trust      whether an order is believed: its signature and its times
clocks     what the times of an order say; pure
"""
