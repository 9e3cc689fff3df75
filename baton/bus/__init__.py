"""The message bus: RabbitMQ, and its twin in memory."""
