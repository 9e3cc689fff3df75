"""Processors do the jobs: what stands before the `!` in `runner = "shell!html2pdf %ID.pdf"`."""
