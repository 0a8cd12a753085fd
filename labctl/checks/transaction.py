"""A transaction: a committed record is read, an aborted record is not."""

from __future__ import annotations

from labctl.checks.base import CheckFailed, CheckPass
from labctl.checks.context import CheckContext


def transaction(context: CheckContext) -> CheckPass:
    """Return a pass where a read_committed consumer reads the record of a committed, not of an aborted transaction.

    Raises CheckFailed where it does not, KafkaFailed.
    """
    topic = context.topic("transaction")
    identity = f"{context.prefix}transaction"
    aborted, committed = context.mark("aborted"), context.mark("committed")
    client = context.client
    client.produce_transactions(topic, identity, [(aborted, False), (committed, True)])
    read = [record.value for record in client.read(topic, until=1, seconds=context.timeout, committed_only=True)]
    everything = [record.value for record in client.read(topic)]
    if aborted in read:
        raise CheckFailed("a read_committed consumer read a record of an aborted transaction")
    if read != [committed]:
        raise CheckFailed(f"the committed record was not read: {read}")
    if aborted not in everything:
        raise CheckFailed("the aborted record never reached the log: the check proved nothing")
    return CheckPass("the committed record was read, the aborted one was not")
