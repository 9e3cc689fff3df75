"""What people read in Slack, as Block Kit. Pure."""
