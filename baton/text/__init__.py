"""Text that people write or read: words, lengths of time, zones, what may be shown. Pure."""
