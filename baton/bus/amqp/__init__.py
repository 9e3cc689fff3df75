"""Channel over RabbitMQ. Nothing outside of this package knows its client library.

The client is aio-pika, without its robust mode, which has come back without its consumers. What is
hot works on the channels below it, aiormq's, which it hands out: aio-pika itself settles and
publishes one message at a time.

    channel       AmqpChannel: reconnects for as long as it takes, and puts everything back in place
    session       one life of the connections, from connecting to the first fault
    connection    aio-pika's connection, and its channels
    publisher     confirmed publishes, pipelined; knows whether the broker takes messages
    subscription  a consumer, before and after a reconnect
    acks          acknowledgements in batches
    write_coalescing  frames of one turn of the event loop in one write
    rights        what the broker would refuse us
    reasons       what a failure means, and what mends it; pure
    reading       properties that strangers wrote, read without fail
    wire          Baton's values <-> AMQP's; pure
"""

from baton.bus.amqp.channel import AmqpChannel

__all__ = ["AmqpChannel"]
