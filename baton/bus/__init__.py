"""The message bus: what Baton needs of it, and what travels on it.

- channel: the contract: publish, consume, declare, and the state of the link
- connect: opens the channel that a URL asks for: amqp is RabbitMQ, memory this process
- exchanges: the names of exchanges, queues and routing keys
- messages: the messages, and how they are written; bounds has their limits
- api: publishes messages, and dead-letters those that cannot be handled
- queue_consumer: consumes the queues of one part of a program
- batching: writes together what arrives together
- dead_letters: lists and resends messages that could not be handled
- link: what every kind of channel needs
- urls: checks URLs, and shows them without their secrets
"""
