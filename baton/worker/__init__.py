"""The worker: jobs from shared queues, each queue with a runner from the configuration.

    work         a job, and what comes of it, as values
    processors   what does a job: a callable of Python, a program, a service over HTTP

It does step 3 (run) and step 4 (report) as an agent does, for whichever worker is free.
"""
