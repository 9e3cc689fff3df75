"""The chain of the audit log, as rows."""
