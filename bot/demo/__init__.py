"""`baton demo`: a bot and three pretend servers in this process, and a chat in this terminal.

app      the small application that the servers deploy: a git repository, made here
servers  the pretend servers: real agents that run real commands in a temporary folder
breaking `/demo`: one of them dies, and is mended
play     all of it put together, and taken apart again
"""
