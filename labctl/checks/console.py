"""Both sides: what Kafka's console tools write inside is read on the host, and the other way round."""

from __future__ import annotations

from labctl import tools
from labctl.checks.base import CheckContext, CheckFailed, Found, last_words, transcript
from labctl.fixed import HOMEWORK_ORDERS
from labctl.parallel import both


def console_to_host(context: CheckContext) -> Found:
    """kafka-console-producer inside, a client on the host outside: the same bytes in the same order."""
    topic = context.topic("console-to-host")
    sent = [context.mark("console to host"), *(line.encode() for line in HOMEWORK_ORDERS)]
    stdin = b"".join(line + b"\n" for line in sent)
    done = context.console(
        tools.console_producer(context.inside, topic, config=context.tool_config, kafka_version=context.kafka_version),
        stdin,
    )
    typed = transcript(done, stdin)
    client = context.client
    read = [record.value for record in client.read(topic, until=len(sent), seconds=context.seconds)]
    if read != sent:
        # the console producer's exit code is 0 even when a record was refused: its stderr tells
        complaint = f"; the producer said: {last_words(done)}" if done.stderr.strip() else ""
        raise CheckFailed(
            f"{len(sent)} lines went in at {context.inside}, {_told(read)} came out at {context.bootstrap}{complaint}",
            typed,
        )
    return Found(f"{len(sent)} lines in at {context.inside}, out at {context.bootstrap}", (typed,))


def host_to_console(context: CheckContext) -> Found:
    """A client on the host outside, kafka-console-consumer inside: the same bytes in the same order."""
    topic = context.topic("host-to-console")
    sent = [context.mark("host to console"), *(line.encode() for line in HOMEWORK_ORDERS)]
    records = [(None, line) for line in sent]
    group = f"{context.prefix}console"
    command = tools.console_consumer(
        context.inside,
        topic,
        count=len(sent),
        group=group,
        seconds=context.seconds,
        config=context.tool_config,
        kafka_version=context.kafka_version,
    )
    # the tool starts while the records are written: it reads from the beginning
    done, _written = both(
        lambda: context.console(command),
        lambda: context.client.produce(topic, records, partition=0),
    )
    read = done.stdout.splitlines()
    if read != sent:
        raise CheckFailed(
            f"{len(sent)} records went in at {context.bootstrap}, {_told(read)} came out at {context.inside}",
            transcript(done),
        )
    return Found(f"{len(sent)} records in at {context.bootstrap}, out at {context.inside}", (transcript(done),))


def _told(read: list[bytes] | list[bytes | None]) -> str:
    return f"{len(read)}: {[(one or b'').decode(errors='replace') for one in read]}" if read else "none"
