"""What the log of a node says of its state."""

from __future__ import annotations

FIRST = "Registered `kafka:type=kafka.Log4jController` MBean"  # before Kafka reads its settings
# org.apache.kafka.common.utils.LoggingSignalHandler: at the start of a node, and when it receives SIGTERM
STARTED, ENDING = "Registered signal handlers for", "Terminating process due to signal"
TAIL = 200  # lines that are enough to see it: a node logs fewer while it ends


def last_run(log: str) -> str:
    """Return the log since the last start of the node: what it complained about before that is over."""
    start = log.rfind(FIRST)
    if start < 0:
        start = log.rfind(STARTED)
    return log[log.rfind("\n", 0, start) + 1 :] if start >= 0 else log


def is_ending(log: str) -> bool:
    """Return whether a node that still runs is about to end, from the end of its log."""
    return log.rfind(ENDING) > log.rfind(STARTED)
