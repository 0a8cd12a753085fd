"""Kafka's settings of one node, in a stable order: what is in server.properties, and in the container's environment."""

from __future__ import annotations

from labctl.plan import MEBIBYTE, LabPlan, NodePlan, enough_in_sync
from labctl.security import node_security
from labctl.versions import has

# The settings that a reader of docker-compose.yml should learn from, in the words of the homework.
COMMENTS = {
    "node.id": "number of this node, unique in the cluster",
    "process.roles": "KRaft: this process keeps records (broker) and votes on metadata (controller); no ZooKeeper",
    "listeners": "doors of this node: NAME://address:port that it opens",
    "advertised.listeners": "what clients are told to connect to, for each door",
    "listener.security.protocol.map": "how each door is protected; PLAINTEXT: not at all",
    "inter.broker.listener.name": "the door that brokers use among themselves",
    "controller.quorum.voters": "id@host:port of every controller that votes",
    "controller.listener.names": "the door that controllers use",
    "offsets.topic.replication.factor": "copies of the topic with the consumer groups' offsets",
    "transaction.state.log.replication.factor": "copies of the topic with the transactions' state",
    "transaction.state.log.min.isr": "copies of it that must be in sync for a write",
}


def node_settings(plan: LabPlan, node: NodePlan, log_dir: str) -> dict[str, str]:
    """The settings of `node`; `log_dir` is where it keeps its data. `kafka.config` of lab.yaml comes last and wins."""
    copies = str(plan.internal_copies)
    in_sync = str(enough_in_sync(plan.internal_copies))
    few = str(len(plan.brokers))
    settings = {
        "node.id": str(node.id),
        "process.roles": ",".join(node.roles),
        "listeners": ",".join(f"{one.name}://{one.bind}:{one.port}" for one in node.listeners),
        **_brokers_doors(node),
        "listener.security.protocol.map": ",".join(
            f"{name}:{protocol}" for name, protocol in _protocols(plan, node).items()
        ),
        "controller.quorum.voters": ",".join(
            f"{voter.id}@{voter.name}:{voter.listener('CONTROLLER').port}" for voter in plan.voters
        ),
        "controller.listener.names": "CONTROLLER",
        "log.dirs": log_dir,
        "num.partitions": "3",
        "default.replication.factor": copies,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": few,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": few,
        # each change of metadata is written at once, not with others that may follow; Kafka's 25
        "controller.quorum.append.linger.ms": "0",
        # a first consumer group needn't wait 3 s for more members
        "group.initial.rebalance.delay.ms": "0",
        # for the keys of compacted topics; Kafka's 128 MiB are zeroed at each start, and are a third of a node's memory
        "log.cleaner.dedupe.buffer.size": str(8 * MEBIBYTE),
    }
    if len(plan.voters) > 1:
        # voters that start together wait this long, and up to twice as long, before one asks for votes; Kafka's 1000
        settings["controller.quorum.election.timeout.ms"] = "200"
    if len(plan.brokers) > 1:
        # a new partition's first write waits for its followers: until the fetch that each has open ends (Kafka's 500),
        # and again where one asked before the leader knew of the partition (Kafka's 1000)
        settings |= {"replica.fetch.wait.max.ms": "100", "replica.fetch.backoff.ms": "50"}
    if has(plan.kafka_version, "share groups"):
        settings |= {
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": in_sync,
            "share.coordinator.state.topic.num.partitions": few,
            # a new member is given records at its second heartbeat: after 1 s, not after 5
            "group.share.heartbeat.interval.ms": "1000",
            "group.share.min.heartbeat.interval.ms": "1000",
        }
    return settings | node_security(plan, node) | dict(plan.broker_config)


def _brokers_doors(node: NodePlan) -> dict[str, str]:
    """What a broker tells others of its doors. A controller of its own is refused with these by Kafka."""
    advertised = [f"{one.name}://{one.advertised}" for one in node.listeners if one.advertised]
    if not advertised:
        return {}
    return {"advertised.listeners": ",".join(advertised), "inter.broker.listener.name": "INTERNAL"}


def _protocols(plan: LabPlan, node: NodePlan) -> dict[str, str]:
    """{listener: protocol} of the node's own doors and of those it knocks at: a broker's the controllers'."""
    knocked_at = [voter.listener("CONTROLLER") for voter in plan.voters]
    return {one.name: one.protocol for one in [*node.listeners, *knocked_at]}


def environment_name(setting: str) -> str:
    """The variable that apache/kafka's image turns back into `setting` (KafkaDockerWrapper: `_` `__` `___`)."""
    return "KAFKA_" + setting.replace("_", "__").replace("-", "___").replace(".", "_").upper()
