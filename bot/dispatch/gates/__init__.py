"""What stands between an ask and its start. Values in, findings out; nothing is written here.

finding.py      what a gate says          situation.py   everything that the gates look at
permission.py   may they?                 gatekeeper.py  loads a situation and asks all gates
words.py        --why and --break-glass   looked.py   the job, and what all gates say
holding.py      an ask becomes a job that is held    start_check.py  may it start now?
"""
