"""Slack: the chat that people ask in and are told in. The only importer of Slack's SDK.

In:   socket -> intake -> app -> payloads -> asking -> door -> the desk; what cannot be said in the
      answer goes through telling.
Out:  front -> blocks -> calls, with refusals as errors that can be acted on.
Who:  identity and scopes are looked at first; people knows who somebody is, and the user groups;
      strangers are programs that use our tokens.
When: clock knows how far ours is from Slack's.
"""

from bot.fronts.slack.chat import SlackChat
from bot.fronts.slack.desk import Desk, Groups
from bot.fronts.slack.front import SlackFront
from bot.fronts.slack.web_api.identity import Tokens

__all__ = ["Desk", "Groups", "SlackChat", "SlackFront", "Tokens"]
