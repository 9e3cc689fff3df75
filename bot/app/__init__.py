"""The bot as a whole: the one place that wires it, what runs it, and what it does again and again.

assemble.py   wires it; dispatching.py, front_ends.py and with_alerts.py are larger pieces of that
bot.py        starts, stops, leads; parts.py knows which part failed
console.py    serves it: the HTTP app with the console
periodic.py   runs recurring work by task_table.py; upkeep.py and rules_log.py do some of it
serve.py      `baton bot`; supervise.py and garbage.py are what a long life needs
"""
