"""Jobs and their runs, the outbox, the output of servers, and the audit entries."""
