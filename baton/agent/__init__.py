"""The agent, which runs on a server: steps 3 (run) and 4 (report), from a request to its last
update."""
