"""Sign-ins to the console: one-use links, sessions and tokens. Only hashes of secrets are stored.

secrets         what is given to people, and the hash of it
sign_in         the values: a person who is signed in, and for what
sign_in_store   the rows
"""
