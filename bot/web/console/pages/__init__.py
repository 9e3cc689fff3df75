"""The pages of the console: HTML by Jinja2, kept current by htmx.

home, lists        what runs and is wrong; servers, alerts, schedules, audit
job, job_log       a job: its servers, its log, how it was
history            the jobs of the past
run                the form of a command (bot.dispatch.command_form)
typing_help        what may come next in a command
asking             every change, in the words of chat;   forms reads what browsers send
pages              what every page is made of
rendering          templates -> answers, and what templates can use;   links how the bot's links are
failures           the pages that say what is wrong
static_files       what browsers load
"""
