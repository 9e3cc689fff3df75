"""Slack: the chat in which people ask, and in which they are answered. The only importer of
Slack's SDK.

socket_mode  the connections on which Slack delivers what people do
listeners    1 asking: delivery -> value -> the dispatcher, and the answer to the person
front.py     5 post: posts -> messages
blocks       what people read, as Block Kit
web_api      what we ask of Slack, and what its errors mean; who we are there
chat.py      all of it put together, and taken apart
"""

from bot.fronts.slack.chat import SlackChat
from bot.fronts.slack.front import SlackFront
from bot.fronts.slack.web_api.identity import Tokens

__all__ = ["SlackChat", "SlackFront", "Tokens"]
