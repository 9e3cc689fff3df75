"""The Slack server for tests is as strict as Slack: checked with Slack's own Python client."""
