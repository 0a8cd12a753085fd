"""A consumer group: its members share the partitions, its offsets are committed, and the next member resumes there."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from functools import partial

from labctl.checks.base import CheckFailed, CheckPass
from labctl.checks.context import CheckContext
from labctl.checks.writer import Writer
from labctl.kafka.client import GroupConsumer, KafkaClient
from labctl.system.parallel import run_all

PARTITIONS = 3
MEMBERS = 2
# kafka-python may leave a member without partitions, or without their records, forever: another member replaces it then
IDLE_SECONDS = 15.0


def consumer_group(context: CheckContext) -> CheckPass:
    """Return a pass where two members share three partitions, and a third member resumes where they had committed.

    Raises CheckFailed where they do not, or where a record is skipped or read again; KafkaFailed.
    """
    topic = context.topic("consumer-group")
    group = f"{context.prefix}group"
    client = context.client
    # polls return while records arrive: see GroupConsumer
    with Writer(client, topic, context.mark("grouped").decode()) as writer:
        members = _Members(client, topic, group, context.timeout, writer)
        shares = members.until_shared()
        committed = {partition: offset for (_topic, partition), offset in client.committed_offsets(group).items()}
        _require_all_read(members.read, committed)
        resumed = _resume(client, topic, group, context.timeout)
    if repeated := sorted(number for number in resumed if resumed[number] < committed[number]):
        count = sum(committed[number] - resumed[number] for number in repeated)
        raise CheckFailed(f"the group read {count} records again after it had committed them: the offsets were lost")
    if skipped := sorted(number for number in resumed if resumed[number] > committed[number]):
        raise CheckFailed(f"the group skipped records of the partitions {skipped} when it resumed")
    counts = " + ".join(str(len(share)) for share in shares)
    return CheckPass(
        f"{MEMBERS} members shared {counts} partitions, {sum(committed.values())} records committed, resumed there"
    )


class _Members:
    """Members of one group, each in a thread of its own. `read` has the position of every record that arrived."""

    def __init__(self, client: KafkaClient, topic: str, group: str, seconds: float, writer: Writer) -> None:
        self._writer = writer
        self._new_member = partial(client.member, topic, group)
        self._seconds = seconds
        self._give_up = time.monotonic() + seconds
        self._shares: list[set[int]] = [set() for _ in range(MEMBERS)]
        self._done = [False] * MEMBERS
        self.read: set[tuple[int, int]] = set()  # (partition, offset)

    def until_shared(self) -> list[set[int]]:
        """Return the partitions of each member, when each has read and committed records of each of its partitions.

        Raises CheckFailed with what was last observed.
        """
        with contextlib.ExitStack() as members:  # a member that leaves early would start another rebalance
            done = run_all([partial(self._drive, number, members) for number in range(MEMBERS)], MEMBERS)
        if not all(done):
            if self._writer.rejected:
                raise CheckFailed(self._writer.error)
            raise CheckFailed(
                f"after {self._seconds:.0f} s the members have the partitions "
                f"{' and '.join(str(sorted(share)) for share in self._shares)}, {len(self.read)} records arrived"
            )
        return self._shares

    def _drive(self, number: int, members: contextlib.ExitStack) -> bool:
        while self._goes_on():
            member = members.enter_context(self._new_member())
            if self._take_part(number, member):
                return True
            member.close()
        return False

    def _take_part(self, number: int, member: GroupConsumer) -> bool:
        """Return whether all members are done; False too where `member` receives nothing, or time is over.

        A member that is done polls on until the others are: they can't join a group in which one does not respond.
        """
        idle_at = time.monotonic() + IDLE_SECONDS
        while self._goes_on():
            self.read.update((record.partition, record.offset) for record in member.poll())
            self._shares[number] = share = member.partitions()
            complete = bool(share) and share <= {partition for partition, _offset in self.read}
            self._done[number] = member.commit() and complete and _all_shared(self._shares)
            if all(self._done):
                return True
            if not complete and time.monotonic() > idle_at:
                return False
        return False

    def _goes_on(self) -> bool:
        """Whether there is time left, and something to read."""
        return time.monotonic() < self._give_up and not self._writer.rejected


def _all_shared(shares: list[set[int]]) -> bool:
    """Whether each member has partitions, no two the same, and together all of them."""
    return all(shares) and sorted(number for share in shares for number in share) == list(range(PARTITIONS))


def _require_all_read(read: set[tuple[int, int]], committed: Mapping[int, int]) -> None:
    """Raise CheckFailed where a partition has no commit, or a commit beyond what was read.

    Groups read at least once.
    """
    if sorted(committed) != list(range(PARTITIONS)):
        raise CheckFailed(f"only the partitions {sorted(committed)} of {PARTITIONS} have committed offsets")
    unread = [
        (number, offset) for number in committed for offset in range(committed[number]) if (number, offset) not in read
    ]
    if unread:
        raise CheckFailed(
            f"{len(unread)} records were committed but never read; the first has partition and offset {unread[0]}"
        )


def _resume(client: KafkaClient, topic: str, group: str, seconds: float) -> dict[int, int]:
    """Return {partition: the first offset} that a new member reads. Raises CheckFailed where a partition has none."""
    give_up = time.monotonic() + seconds
    first: dict[int, int] = {}
    with client.member(topic, group) as member:
        while len(first) < PARTITIONS and time.monotonic() < give_up:
            for record in member.poll():
                first[record.partition] = min(record.offset, first.get(record.partition, record.offset))
    if len(first) < PARTITIONS:
        raise CheckFailed(f"after {seconds:.0f} s the group resumed in the partitions {sorted(first)} of {PARTITIONS}")
    return first
