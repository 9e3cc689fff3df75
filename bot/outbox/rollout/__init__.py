"""Rollouts: a job that goes through its servers in waves. Pure.

settings   how large a wave is, when to stop, ask, and go back
values     a rollout as it is: its members, and what people said
waves      which server is in which wave
decide     what is to be done now, from these values and the time
"""
