"""What is watched: from observations to what is down, flapping or late; and whether we see."""
