"""The defaults of replication, for topics and for Kafka's own topics. lab.yaml's rules and the plan both need them."""


def default_replication_factor(brokers: int) -> int:
    """Return the replication factor where lab.yaml sets none: as Kafka's own internal topics, 3 where possible."""
    return min(3, brokers)


def min_isr(replication_factor: int) -> int:
    """Return min.insync.replicas for a replication factor: one replica may be missing."""
    return max(1, replication_factor - 1)
