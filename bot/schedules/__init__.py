"""Schedules: when a command runs by itself, and what becomes of each time. Pure.

recurrence   the kinds of times, and their JSON   parser     words -> time
times        the next one, over DST               scanner    the parts of a time
rules        overlap, catch-up, jitter, ends      hints      how to write what cannot be parsed
schedule     a schedule and its firings           decisions  what happens to a schedule now
change       what is written in one transaction   posts      the post of a day, and notices
"""
