"""Jobs and their runs, what is to be sent, what servers said, and the audit log."""
