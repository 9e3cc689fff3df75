"""Step 1 of the path (request): from words to a job in the ledger, or to an answer at once.

protocol.py     what a front end knows of it     dispatcher.py  takes what people ask
context.py      what was asked, by whom, where   planner.py     a command becomes a job
builtin.py      a command that the bot answers   reply.py       what is answered at once
policy.py       who may do what: pure            authorizer.py  asks it, and looks up user groups
policy_review.py  what is odd about the rules    audit_log.py   who asked what, and the verdict
people.py       the people of each chat          name_cache.py  what people and channels are called
plan.py         what a request would reach       plan_maker.py  finds that out
console_address.py  where people open the console: pure
gates/          what stands between an ask and its start   why.py  says all of that: pure
rate_limiter.py how often one person may ask     suggestions.py what can be typed next: pure
"""
