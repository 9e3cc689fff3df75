"""COMMANDS. What servers can be asked to do: one file or package a command, with its consumer and
how its outcome reads."""
