"""Rollouts: a job that goes through its servers in waves. Pure.

settings   how large a wave is, when to stop, ask, and go back
state      how far a rollout is, and what people said: as it is written with its job
values     a rollout as it is now: its state, its members, and how healthy they are
waves      which server is in which wave
said       what becomes of it when somebody says pause, go on, skip, slower or back
words      what is planned, and how far it is
decide     what is to be done now, from these values and the time
"""
