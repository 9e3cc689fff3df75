"""No command: how commands run the programs of a server, and end what they leave behind."""
