"""The message bus: what Baton needs of it, and what travels on it.

channel         the contract: publish, consume, declare, and how the link is
connect         the channel that a URL asks for: amqp/ is RabbitMQ, memory/ is in this process
exchanges       names: exchanges, queues, routing keys
messages        what travels, and how it is written; bounds: how large it may be
api             messages onto exchanges; what cannot be handled into the dead letters
queue_consumer  how a part of a program takes what comes in its queues
batching        what comes together is written together
dead_letters    what nobody could handle, to be looked at and sent again
link            what every kind of channel keeps track of
urls            URLs of the bus, checked, and shown without what they keep secret
"""
