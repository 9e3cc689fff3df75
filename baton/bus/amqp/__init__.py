"""Channel over RabbitMQ. Only this package imports the client library.

The client is aio-pika, without its robust mode, which has been seen to reconnect without its
consumers. The hot path uses the aiormq channels that aio-pika hands out, since aio-pika itself
acknowledges and publishes one message at a time.

    channel       AmqpChannel reconnects for as long as it takes, and restores everything
    session       one life of the connections, from connecting to the first fault
    connection    aio-pika's connection, and its channels
    publisher     confirmed publishes, pipelined; knows whether the broker accepts messages
    subscription  a consumer, before and after a reconnect
    acks          acknowledgements in batches
    write_coalescing  the frames of one turn of the event loop in one write
    claims        asks for a claim without an error
    tls           what a URL says of TLS
    rights        what the broker would refuse
    reasons       what a failure means, and how to fix it; pure
    reading       message properties that others wrote, read without failing
    wire          Baton's values <-> AMQP's; pure
"""

from baton.bus.amqp.channel import AmqpChannel

__all__ = ["AmqpChannel"]
