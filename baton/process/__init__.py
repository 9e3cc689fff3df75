"""This is not a command: commands run the programs of a server here, and end what those leave
behind."""
