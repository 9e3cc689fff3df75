"""Channel in this process, with RabbitMQ's promises: no server, nothing kept."""
