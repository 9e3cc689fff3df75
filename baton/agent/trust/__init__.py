"""Whom an agent or a worker believes, and what it takes from them.

settings   the table `[signing]`
trust      whether an order is believed: its signature and its times
clocks     what the times of an order say; pure
allow      the table `[allow]`: which commands, apps, versions and people; pure
approvals  whether enough people have signed the plan of a request
allowance  what of that an agent asks before it starts a request
"""
