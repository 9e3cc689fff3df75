"""The chats in which people type commands and read posts, behind one protocol."""
