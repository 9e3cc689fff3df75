"""Channel in this process, with RabbitMQ's promises: no server, and nothing on disk."""
