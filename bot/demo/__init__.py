"""`baton demo`: a bot and three simulated servers in this process, and a chat in this terminal.

shop             the small application that the servers deploy: a git repository, made here
pretend_servers  real agents that run real commands in a temporary folder
breaking         `/demo`: break one of them, and repair it
play             starts all of it, and stops it again
"""
