"""Channel over RabbitMQ. Nothing outside of this package knows its client library.

The client is aiormq, the AMQP layer that aio-pika stands on, over plain connections: aio-pika's
robust mode has come back without its consumers, and acknowledges one message at a time.

    channel       AmqpChannel: reconnects for as long as it takes, and puts everything back in place
    session       one life of the connections, from connecting to the first fault
    publisher     confirmed publishes, pipelined; knows whether the broker takes messages
    subscription  a consumer, before and after a reconnect
    settling      acknowledgements in batches
    gathering     frames of one turn of the event loop in one write
    reading       properties that strangers wrote, read without fail
    wire          Baton's values <-> AMQP's; pure
"""

from baton.amqp.channel import AmqpChannel

__all__ = ["AmqpChannel"]
