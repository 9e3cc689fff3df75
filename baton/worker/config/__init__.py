"""A worker's settings file: read whole and checked, or refused with all that is wrong and where.

reading      a worker.toml or an INI of rbit's -> WorkerSettings, with every error at once
loading      the same, with the runners made
located      section, key, file and line of an error
ini          the dialect of Python 2's RawConfigParser;   rbit_ini  what rbit's file means
ini_logging  its sections about the log
"""
