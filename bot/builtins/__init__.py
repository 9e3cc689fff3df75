"""The commands that the bot answers itself: a command and its handler a file; registry.py lists
all.

/schedule is in bot.scheduler and /alerts in bot.alerting, beside what they are about.
"""
