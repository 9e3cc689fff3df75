"""Settings of what came before become Baton's: a baton.cfg, an INI of rbit's, a crontab.

change     what was, and what it is now, as values
cfg        the Ruby Baton's baton.cfg -> agent.toml
rbit       rbit's INI -> worker.toml
crontab    lines of a crontab -> runners of a worker, with a schedule each
toml_text  the text of a TOML file
dry_run    what a worker would do with what waits in the old queues
"""
