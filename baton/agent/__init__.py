"""THE AGENT. It runs on a server: steps 3 (doing) and 4 (reporting), from a request to its last
update."""
