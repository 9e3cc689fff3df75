"""Step 1 of the path (asking): from words to a job in the ledger."""
