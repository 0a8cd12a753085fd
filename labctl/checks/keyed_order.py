"""Same key, same partition, same order."""

from __future__ import annotations

from labctl.checks.base import CheckFailed, CheckPass
from labctl.checks.context import CheckContext

KEYS = 6
RECORDS_PER_KEY = 10


def keyed_order(context: CheckContext) -> CheckPass:
    """Return a pass where the records of each key are in one partition, in the order of writing.

    The keys are written in turn. Raises CheckFailed where a record is missing or misplaced; KafkaFailed.
    """
    topic = context.topic("keyed-order")
    sent = [
        (f"key-{key}".encode(), context.mark(f"{key}/{number}"))
        for number in range(RECORDS_PER_KEY)
        for key in range(KEYS)
    ]
    client = context.client
    client.produce(topic, list(sent))
    read = client.read(topic, until=len(sent), seconds=context.timeout)
    if len(read) != len(sent):
        raise CheckFailed(f"{len(sent)} records were written, {len(read)} were read")
    for key in sorted({key for key, _value in sent}):
        records = [record for record in read if record.key == key]
        partitions = sorted({record.partition for record in records})
        if len(partitions) != 1:
            raise CheckFailed(f"the records of {key.decode()} are in the partitions {partitions}, not in one")
        if [record.value for record in records] != [value for sent_key, value in sent if sent_key == key]:
            raise CheckFailed(f"the records of {key.decode()} are not in the order of writing")
    used = len({record.partition for record in read})
    return CheckPass(f"{KEYS} keys x {RECORDS_PER_KEY} records over {used} partitions, each key in one, in order")
