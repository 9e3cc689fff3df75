"""The API of the console, version 1: what the pages show and do, for programs.

me         who a token or a session belongs to
problems   how errors are answered (RFC 9457)
"""
