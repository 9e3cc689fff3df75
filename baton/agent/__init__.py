"""THE AGENT. Steps 3 (doing) and 4 (reporting): what runs on a server, from a request to its last
update."""
