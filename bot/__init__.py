"""The bot: takes requests from chat, sends them to servers, stores what these report, and posts it.

These are steps 1 (request), 2 (send) and 5 (store and post) of the path."""
