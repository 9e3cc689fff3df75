"""The pages of docs/reference, from the code: `make reference` writes them, a test compares them.

settings  each key of each settings file, from its model;   api  what authors of extensions import
comments  what the examples say of the keys
"""
