"""The third stage: who is notified of what fires, and when. Routes, groups, posts, rate limit."""
