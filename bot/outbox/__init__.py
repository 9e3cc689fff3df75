"""Step 2 of the path (send): the outbox goes to the input exchange."""
