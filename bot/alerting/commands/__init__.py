"""/alerts: what people ask about alerts, and have done.

command.py  its words, and its handler: lists, explains, acknowledges
context.py  somebody who asks: what they may, and which alerts they mean
silence.py  silences; silence_preview.py: what one would mute
forget.py   ends the alert of what is gone for good
reload.py   other settings, and what they would have told (trial_process.py)
"""
