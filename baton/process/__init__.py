"""Programs of a server are run here, and what they leave behind is ended: by commands on an agent,
and by the runners of a worker."""
