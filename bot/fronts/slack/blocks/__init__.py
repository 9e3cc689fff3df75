"""Draws posts, forms and replies as Block Kit. Pure."""
