"""What Baton is measured beside: the same work, done with other libraries."""
