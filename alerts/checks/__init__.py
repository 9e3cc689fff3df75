"""The first stage: observations become states of checks (down, flapping, late), or show that we
cannot see."""
