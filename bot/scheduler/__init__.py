"""What is scheduled: asked for by /schedule, and fired when its time has come."""
