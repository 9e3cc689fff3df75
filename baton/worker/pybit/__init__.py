"""PyBit's messages and its job status, for queues that PyBit or rbit's users fill.

graph          the JSON of jsonpickle as plain values: nothing is imported, called or unpickled
build_request  a build request, and an order to cancel one
status         reports the status of jobs to PyBit
"""
