"""What stands between an ask and its start: jobs that are held, and votes about them."""
