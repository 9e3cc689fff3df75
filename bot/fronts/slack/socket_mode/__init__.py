"""The connections on which Slack delivers."""
