"""The output of runs, as it is stored: its end, ranges of lines, search, and all of it as text."""
