"""The feed: what is new of a job, as a stream of server-sent events to all who watch it.

frame          what is sent at once, rendered once for the API and once for pages. Pure
ring           the last frames of a job. Pure
job_feed       reads what is new of one job into its ring, while somebody watches
feeds          all feeds of a bot, and how many may watch
reader         what one client is sent next, from wherever it stopped
event_stream   the answer to one client
routes         the addresses of the streams
moment         the job as it was at a moment of the past. Pure

An event's id is the position in the job's own clock (bot/store/jobs/news.py), so any bot of the
database can go on where another one stopped.
"""
