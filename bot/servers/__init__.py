"""The known servers, and whether the bot can see them."""
