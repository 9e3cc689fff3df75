"""Which servers there are, and how well we see them."""
