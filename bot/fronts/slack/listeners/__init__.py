"""What Slack sends us: from a delivery to a request at the dispatcher, and back to the person."""
