"""Schedules: when a command is asked by itself, and what becomes of each time. Pure.

recurrence   what a time can be, and as JSON      reading    words -> time
times        the next one, over DST               rules      overlap, catch-up, jitter, ends
schedule     a schedule and its firings           deciding   what is to be done now
posts        the post that a day's results are under
"""
