"""Locks, in the words of chat: /lock, /unlock, /locks."""
