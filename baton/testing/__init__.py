"""The kit that authors of extensions test with.

kit          one command on one server: ask as people do, and look at what was reported
whole_chat   a bot, servers and their agents, and time that a test moves
"""

from baton.testing.kit import Asked, Kit, seen
from baton.testing.whole_chat import Chat, ChatServer, Said, open_chat

__all__ = ["Asked", "Chat", "ChatServer", "Kit", "Said", "open_chat", "seen"]
