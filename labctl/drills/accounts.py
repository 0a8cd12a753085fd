"""The accounts of a writer and a reader: which acknowledged records are lost, duplicated or out of order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Balance:
    """What became of the records that Kafka acknowledged."""

    acknowledged: int
    read: int
    lost: int
    duplicated: int
    out_of_order: int

    @property
    def faulty(self) -> bool:
        """Whether a promise was broken."""
        return bool(self.lost or self.duplicated or self.out_of_order)


def balance(acknowledged: Sequence[int], read: Sequence[int]) -> Balance:
    """Return the balance of one partition: the numbers that were acknowledged, and those that were read, in order.

    A record that was read and never acknowledged is no fault: its acknowledgement may have been lost.
    """
    known = set(read)
    return Balance(
        acknowledged=len(acknowledged),
        read=len(read),
        lost=len(set(acknowledged) - known),
        duplicated=len(read) - len(known),
        out_of_order=sum(later < earlier for earlier, later in pairwise(read)),
    )


def total(balances: Sequence[Balance]) -> Balance:
    """Return the sum of all partitions."""
    names = ("acknowledged", "read", "lost", "duplicated", "out_of_order")
    return Balance(*(sum(getattr(each, name) for each in balances) for name in names))
