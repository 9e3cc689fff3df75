"""What we ask of Slack: calls of its Web API, and what their errors mean."""
