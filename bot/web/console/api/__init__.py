"""The API of the console, version 1: what the pages show and do, for programs.

app        the API as an app of its own, and its OpenAPI document
asks       ask and plan, and the commands that there are
bodies     how large and how slow a request may be
jobs       the history, and one job with its runs;   job_models  how they are shown
logs       the output of a job: lines, search, download;   csv_text  tables for spreadsheets
me         who a token or a session belongs to
models     the values that several parts show and take
problems   how errors are answered (RFC 9457)
"""
