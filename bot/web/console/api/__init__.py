"""The API of the console, version 1: what the pages show and do, for programs.

app           the API as an app of its own, and its OpenAPI document
alerts        what fires, has fired and is silenced
asks          ask and plan, and the commands that there are
audit         who asked what
bodies        how large and how slow a request may be
csv_text      tables for spreadsheets
job_actions   cancel a job, run it again
jobs          the history, and one job with its runs;   job_models  how they are shown
logs          the output of a job: lines, search, download
me            who a token or a session belongs to
models        the values that several parts show and take
problems      how errors are answered (RFC 9457)
schedules     what is scheduled
servers       the servers, and what is live on them
"""
