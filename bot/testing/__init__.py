"""The whole chat of `baton.testing.open_chat`: a bot, servers and their agents in one process.

world     puts them together       server    a server that fails as a test wants
front     the chat, in memory      clock     time that a test moves
cable     a connection that a test can cut
"""
