"""Which records Kafka deletes because of their age."""

import pytest

from labctl.kafka.retention import expired_before, expired_note

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"cleanup.policy": "delete", "retention.ms": "1000"}, 1_799_999_999_000),
        ({"cleanup.policy": "compact,delete", "retention.ms": "1000"}, 1_799_999_999_000),
        ({"cleanup.policy": "delete", "retention.ms": "-1"}, 0),
        ({"cleanup.policy": "compact", "retention.ms": "1000"}, 0),
        ({"cleanup.policy": "delete", "retention.ms": "9000000000000000"}, 0),
        ({}, 0),
    ],
)
def test_records_before_the_retention_are_deleted(config, expected):
    """Where the policy is to delete, and the retention has an end."""
    assert expired_before(config, NOW) == expected


def test_the_note_has_the_remedy():
    """It says what to do, for one record and for many."""
    assert expired_note("t", 1).startswith("older than the retention.ms of t: 1 record, which Kafka may delete")
    assert expired_note("t", 2000).startswith("older than the retention.ms of t: 2,000 records, which")
    assert "retention.ms=-1" in expired_note("t", 1)
