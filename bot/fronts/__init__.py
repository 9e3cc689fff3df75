"""The chats that people ask in and that posts are shown in, behind one protocol."""
