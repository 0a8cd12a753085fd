"""Same key, same partition, same order."""

from __future__ import annotations

from labctl.checks.base import CheckContext, CheckFailed, Found

KEYS = 6
EACH = 10


def keyed_order(context: CheckContext) -> Found:
    """Records of several keys, written in turn: each key's records lie in one partition, in the order of writing."""
    topic = context.topic("keyed-order")
    sent = [(f"key-{key}".encode(), context.mark(f"{key}/{number}")) for number in range(EACH) for key in range(KEYS)]
    client = context.client
    client.produce(topic, list(sent))
    read = client.read(topic, until=len(sent), seconds=context.seconds)
    if len(read) != len(sent):
        raise CheckFailed(f"{len(sent)} records were written, {len(read)} are there")
    for key in sorted({key for key, _value in sent}):
        mine = [record for record in read if record.key == key]
        partitions = sorted({record.partition for record in mine})
        if len(partitions) != 1:
            raise CheckFailed(f"the records of {key.decode()} lie in partitions {partitions}, not in one")
        if [record.value for record in mine] != [value for one, value in sent if one == key]:
            raise CheckFailed(f"the records of {key.decode()} are not in the order of writing")
    used = len({record.partition for record in read})
    return Found(f"{KEYS} keys x {EACH} records over {used} partitions, each key in one, in order")
