"""Freezes, in the words of chat: /freezes, /reviewed."""
