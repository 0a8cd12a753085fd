"""Both sides: what Kafka's console tools write inside is read on the host, and the other way round."""

from __future__ import annotations

from labctl.checks.base import CheckFailed, CheckPass, error_summary, transcript
from labctl.checks.context import CheckContext
from labctl.constants import HOMEWORK_ORDERS
from labctl.kafka.console_tools import console_consumer, console_producer
from labctl.system.parallel import run_pair


def console_to_host(context: CheckContext) -> CheckPass:
    """Return a pass where a client on the host reads what kafka-console-producer wrote inside, in the same order.

    Raises CheckFailed where it reads other bytes, Skipped where there are no console tools, LabError where Kafka or the
    runtime fails.
    """
    console = context.require_console()
    topic = context.topic("console-to-host")
    sent = [context.mark("console to host"), *(line.encode() for line in HOMEWORK_ORDERS)]
    stdin = b"".join(line + b"\n" for line in sent)
    command = console_producer(console.bootstrap, topic, config=console.config, kafka_version=console.kafka_version)
    done = context.run_console(command, stdin)
    output = transcript(done, stdin)
    read = [record.value for record in context.client.read(topic, until=len(sent), seconds=context.timeout)]
    if read != sent:
        # the console producer's exit code is 0 even when a record was rejected: its stderr says so
        complaint = f"; the producer reported: {error_summary(done)}" if done.stderr.strip() else ""
        raise CheckFailed(
            f"{len(sent)} lines were written to {console.bootstrap}, but {_listed(read)} were read from "
            f"{context.target.bootstrap}{complaint}",
            output,
        )
    return CheckPass(
        f"{len(sent)} lines written to {console.bootstrap}, read from {context.target.bootstrap}", (output,)
    )


def host_to_console(context: CheckContext) -> CheckPass:
    """Return a pass where kafka-console-consumer reads inside what a client on the host wrote, in the same order.

    Raises CheckFailed where it reads other bytes, Skipped where there are no console tools, LabError where Kafka or the
    runtime fails.
    """
    console = context.require_console()
    topic = context.topic("host-to-console")
    sent = [context.mark("host to console"), *(line.encode() for line in HOMEWORK_ORDERS)]
    command = console_consumer(
        console.bootstrap,
        topic,
        count=len(sent),
        group=f"{context.prefix}console",
        seconds=context.timeout,
        config=console.config,
        kafka_version=console.kafka_version,
    )
    # the tool starts while the records are written: it reads from the beginning
    done, _written = run_pair(
        lambda: context.run_console(command),
        lambda: context.client.produce(topic, [(None, line) for line in sent], partition=0),
    )
    read = done.stdout.splitlines()
    if read != sent:
        raise CheckFailed(
            f"{len(sent)} records were written to {context.target.bootstrap}, but {_listed(read)} were read from "
            f"{console.bootstrap}",
            transcript(done),
        )
    return CheckPass(
        f"{len(sent)} records written to {context.target.bootstrap}, read from {console.bootstrap}", (transcript(done),)
    )


def _listed(read: list[bytes] | list[bytes | None]) -> str:
    return f"{len(read)}: {[(value or b'').decode(errors='replace') for value in read]}" if read else "none"
