"""Alerts, the bot's side: what was seen goes to the engine of `alerts`, and what that decides goes
into the database, and from there to a front end.

seeing.py   what servers say -> what was seen   keeper.py  drives the engine, while this bot leads
showing.py  database -> posts
"""

from bot.alerting.keeper import Keeper
from bot.alerting.showing import Showing

__all__ = ["Keeper", "Showing"]
