"""`baton new`: a package of one's own that works, and later versions of what it was made from.

answers    what is asked: the name, and what follows from it      template   the files, rendered
record     .baton-new.toml, which is kept in the package          making     write a new package
updating   bring a later template into a package
"""
