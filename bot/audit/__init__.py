"""The audit log as a chain of hashes: an entry that is changed or removed later breaks it. Pure."""
