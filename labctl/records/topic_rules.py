"""What a topic requires of each record: of those in lab.yaml, and of those in a file."""

from __future__ import annotations

from dataclasses import dataclass

from labctl.records.record import RecordData


@dataclass(frozen=True, slots=True)
class TopicRules:
    """A partition below `partitions` (0: any), and with `keys` a key, as a compacted topic requires."""

    partitions: int = 0
    keys: bool = False

    def problem(self, record: RecordData) -> str:
        """Return what is wrong with a record for the topic, or ""."""
        if self.partitions and record.partition is not None and record.partition >= self.partitions:
            last = self.partitions - 1
            return f"partition {record.partition}: the topic has {self.partitions}, from 0 to {last}"
        if self.keys and record.key is None:
            return "key: a compacted topic accepts only records with a key, like {key: c1, value: hello}"
        return ""


ANY_TOPIC = TopicRules()
