"""Alerts, the bot's side: what was seen goes to the engine of `alerts`, and what that decides goes
into the database, and from there to a front end.

seeing.py   what servers say -> what was seen   keeper.py   drives the engine, while this bot leads
intake.py   what others tell                    notifier.py database -> posts
monitor.py  the same over the bus               asks.py     what people want done
findings.py what we find wrong; ourselves.py    about ourselves: our clock, our tokens
probing.py  what the bot has looked at; agents.py  ... by agents
commands    /alerts: what people ask, and have done
"""

from bot.alerting.consumer import Monitor
from bot.alerting.finding_alerts import Found
from bot.alerting.notifier import Showing
from bot.alerting.prober import Probing
from bot.alerting.runner import Keeper

__all__ = ["Found", "Keeper", "Monitor", "Probing", "Showing"]
