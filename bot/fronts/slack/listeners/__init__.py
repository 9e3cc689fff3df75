"""Handles what Slack sends: from a delivery to a request at the dispatcher, and back to the person.

deliveries.py  each delivery is taken once     app.py       which listener takes it (Bolt)
payloads.py    what it says, as a value        handlers.py  to the dispatcher, answered in time
admission.py   whether anything was asked      replies.py   what Slack's answer cannot carry
people.py      who somebody is                 names.py     how commands are typed in Slack
dedup.py       what was done a moment ago   command_forms.py  forms of commands, and their words
form_state.py  what a form keeps until it is sent
"""
