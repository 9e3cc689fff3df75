"""Step 2 of the path, sending: the outbox goes to the input exchange."""
