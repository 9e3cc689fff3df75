"""The commands that servers run: one file or package each, with its consumer and how its outcome
reads."""
