"""A consumer group: its members share the partitions, its offsets are committed, and the next member resumes there."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from functools import partial

from labctl.checks.base import CheckContext, CheckFailed, Found
from labctl.checks.writer import Writer
from labctl.kafka_client import GroupMember, KafkaClient
from labctl.parallel import run_all

PARTITIONS = 3
MEMBERS = 2
# kafka-python may leave a member without partitions, or without their records, for ever: then another takes its place
IDLE_SECONDS = 15.0


def consumer_group(context: CheckContext) -> Found:
    """Two members share three partitions, read on and commit; a third one goes on exactly where they had committed."""
    topic = context.topic("consumer-group")
    group = f"{context.prefix}group"
    client = context.client
    # polls return while records come in: see GroupMember
    with Writer(client, topic, context.mark("grouped").decode()):
        sharing = _Sharing(client, topic, group, context.seconds)
        shares = sharing.until_shared()
        committed = {partition: offset for (_topic, partition), offset in client.committed(group).items()}
        _every_record_was_read(sharing.read, committed)
        resumed = _resume(client, topic, group, context.seconds)
    if again := sorted(one for one in resumed if resumed[one] < committed[one]):
        count = sum(committed[one] - resumed[one] for one in again)
        raise CheckFailed(f"{count} records came again to the group that had committed them: offsets were not kept")
    if left_out := sorted(one for one in resumed if resumed[one] > committed[one]):
        raise CheckFailed(f"the group left records of the partitions {left_out} out when it resumed")
    told = " + ".join(str(len(one)) for one in shares)
    return Found(
        f"{MEMBERS} members shared {told} partitions, {sum(committed.values())} records committed, resumed there"
    )


class _Sharing:
    """Members of one group, each in a thread of its own. `read` has the place of every record that came."""

    def __init__(self, client: KafkaClient, topic: str, group: str, seconds: float) -> None:
        self._new_member = partial(client.member, topic, group)
        self._seconds = seconds
        self._give_up = time.monotonic() + seconds
        self._shares: list[set[int]] = [set() for _ in range(MEMBERS)]
        self._done = [False] * MEMBERS
        self.read: set[tuple[int, int]] = set()  # (partition, offset)

    def until_shared(self) -> list[set[int]]:
        """The partitions of each member, once each has its own, has read some of each and has committed what it read.

        Raises CheckFailed with what was last seen.
        """
        with contextlib.ExitStack() as members:  # one that leaves early would have the others share anew
            done = run_all([partial(self._drive, number, members) for number in range(MEMBERS)], MEMBERS)
        if not all(done):
            raise CheckFailed(
                f"after {self._seconds:.0f} s the members have the partitions "
                f"{' and '.join(str(sorted(one)) for one in self._shares)}, {len(self.read)} records came"
            )
        return self._shares

    def _drive(self, number: int, members: contextlib.ExitStack) -> bool:
        while time.monotonic() < self._give_up:
            member = members.enter_context(self._new_member())
            if self._take_part(number, member):
                return True
            member.close()
        return False

    def _take_part(self, number: int, member: GroupMember) -> bool:
        """Whether all came to their end; not where `member` gets nothing, or time is over.

        A member that is at its end polls on until the others are: they can't join a group in which one does not answer.
        """
        idle_at = time.monotonic() + IDLE_SECONDS
        while time.monotonic() < self._give_up:
            self.read.update((record.partition, record.offset) for record in member.poll())
            self._shares[number] = share = member.partitions()
            whole = bool(share) and share <= {partition for partition, _offset in self.read}
            self._done[number] = member.commit() and whole and _all_shared(self._shares)
            if all(self._done):
                return True
            if not whole and time.monotonic() > idle_at:
                return False
        return False


def _all_shared(shares: list[set[int]]) -> bool:
    """Whether each has partitions, each one its own, and all of them."""
    return all(shares) and sorted(number for one in shares for number in one) == list(range(PARTITIONS))


def _every_record_was_read(read: set[tuple[int, int]], committed: Mapping[int, int]) -> None:
    """Raises CheckFailed where a partition has no commit, or one beyond what came. Groups read at least once."""
    if sorted(committed) != list(range(PARTITIONS)):
        raise CheckFailed(f"committed are the partitions {sorted(committed)} of {PARTITIONS}")
    unread = [(one, offset) for one in committed for offset in range(committed[one]) if (one, offset) not in read]
    if unread:
        raise CheckFailed(
            f"{len(unread)} records were committed and never came, partition and offset {unread[0]} first"
        )


def _resume(client: KafkaClient, topic: str, group: str, seconds: float) -> dict[int, int]:
    """{partition: the first offset} that a new member reads. Raises CheckFailed where one has none."""
    give_up = time.monotonic() + seconds
    first: dict[int, int] = {}
    with client.member(topic, group) as member:
        while len(first) < PARTITIONS and time.monotonic() < give_up:
            for record in member.poll():
                first[record.partition] = min(record.offset, first.get(record.partition, record.offset))
    if len(first) < PARTITIONS:
        raise CheckFailed(f"after {seconds:.0f} s the group resumed in the partitions {sorted(first)} of {PARTITIONS}")
    return first
