"""Alerts, the bot's side: what was seen goes to the engine of `alerts`, and what that decides goes
into the database, and from there to a front end.

seeing.py   what servers say -> what was seen   keeper.py   drives the engine, while this bot leads
intake.py   what comes in over HTTP             showing.py  database -> posts
probing.py  what the bot looks at by itself     command.py  /alerts; asks.py  what people want done
files.py    alerts.toml, as this bot can keep it
"""

from bot.alerting.keeper import Keeper
from bot.alerting.probing import Probing
from bot.alerting.showing import Showing

__all__ = ["Keeper", "Probing", "Showing"]
