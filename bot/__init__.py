"""THE CHAT SIDE. Both ends of the path: asking (step 1) and telling (step 5)."""
