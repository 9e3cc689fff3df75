"""What the pages and the API show: values, read for one viewer, without what they may not read.

viewing     a viewer as the authorizer knows readers     jobs         one with its runs, the history
servers     servers, and which release is live where     jobs  one job, and those of the past
alerts      what fires and has fired, silences           schedules    schedules and their next times
audit       who asked what
"""
