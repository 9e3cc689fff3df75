"""/alerts: what people ask about alerts, and have done.

command.py  its words, and its handler     context.py  what they may, and which alerts they mean
listing.py  what fires, what has fired     why.py      why it fires, or nobody was notified
acknowledge.py, forget.py                  silence.py, silence_preview.py: what one would mute
reload.py   other settings, and what they would have sent (trial_process.py)
"""
