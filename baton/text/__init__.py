"""Text is what people write or read: their words, its characters, and what may be shown. Pure."""
