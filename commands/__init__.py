"""What can be asked: one file a command, with its consumer and how its outcome reads."""
