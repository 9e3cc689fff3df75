"""Step 1 of the path (asking): from words to a job in the ledger, or to an answer at once.

protocol.py    what a front end knows of it     dispatcher.py  takes what people ask
context.py     what was asked, by whom, where   planner.py     a command becomes a job
builtin.py     (command, handler): what the bot answers itself
policy.py      who may do what: pure            authorizer.py  asks it, and looks up user groups
audit_log.py   who asked what, and what they were told
people.py      the people of each chat          rate.py        how often one person may ask
"""
