"""A transaction: what was committed is read, what was aborted is not."""

from __future__ import annotations

from labctl.checks.base import CheckContext, CheckFailed, Found


def transaction(context: CheckContext) -> Found:
    """One transaction aborted, one committed: a read_committed reader sees the second alone."""
    topic = context.topic("transaction")
    identity = f"{context.prefix}transaction"
    aborted, committed = context.mark("aborted"), context.mark("committed")
    client = context.client
    client.produce_transactions(topic, identity, [(aborted, False), (committed, True)])
    seen = [record.value for record in client.read(topic, until=1, seconds=context.seconds, committed_only=True)]
    everything = [record.value for record in client.read(topic)]
    if aborted in seen:
        raise CheckFailed("a record of an aborted transaction was read by a read_committed reader")
    if seen != [committed]:
        raise CheckFailed(f"the committed record was not read: {seen}")
    if aborted not in everything:
        raise CheckFailed("the aborted record never reached the log: the check proved nothing")
    return Found("the committed record was read, the aborted one was not")
