"""Step 5 of the path (telling): from the ledger to the posts in the thread."""
