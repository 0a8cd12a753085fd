"""The accounts of a drill and of `make chaos`: they can find a fault."""

import pytest

from labctl.drills.accounts import Balance, balance, total


@pytest.mark.parametrize(
    ("acknowledged", "read", "found"),
    [
        ([1, 2, 3], [1, 2, 3], Balance(3, 3, 0, 0, 0)),
        ([1, 2, 3], [1, 3], Balance(3, 2, 1, 0, 0)),
        ([1, 2, 3], [1, 2, 2, 3], Balance(3, 4, 0, 1, 0)),
        ([1, 2, 3], [1, 3, 2], Balance(3, 3, 0, 0, 1)),
        ([1, 3], [1, 2, 3], Balance(2, 3, 0, 0, 0)),
    ],
)
def test_a_partition_is_balanced(acknowledged, read, found):
    """A record that was not acknowledged may be there."""
    assert balance(acknowledged, read) == found
    assert found.faulty is (found.lost + found.duplicated + found.out_of_order > 0)


def test_all_partitions_together():
    """Each number is a sum."""
    assert total([Balance(1, 2, 3, 4, 5), Balance(10, 20, 30, 40, 50)]) == Balance(11, 22, 33, 44, 55)
