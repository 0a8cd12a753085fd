"""Kafka's settings of one node, in a stable order: for server.properties, and for a container's environment."""

from __future__ import annotations

from labctl.constants import BROKER_RACK
from labctl.kafka.security_settings import node_security
from labctl.plan.model import LabPlan, NodePlan
from labctl.plan.sizes import MEBIBYTE
from labctl.replication import min_isr
from labctl.versions import has

# The settings that a reader of docker-compose.yml should understand, for the homework.
COMMENTS = {
    "node.id": "the number of this node, unique in the cluster",
    "process.roles": "KRaft: this process stores records (broker) and votes on metadata (controller); no ZooKeeper",
    "listeners": "the listeners of this node: NAME://address:port; without an address: all addresses",
    "advertised.listeners": "the addresses that clients connect to, one for each listener",
    "listener.security.protocol.map": "the security protocol of each listener; PLAINTEXT: no encryption, no login",
    "inter.broker.listener.name": "the listener that brokers use among themselves",
    "controller.quorum.voters": "id@host:port of every controller that votes",
    "controller.quorum.bootstrap.servers": "host:port of controllers, where a node asks for the voters",
    "controller.listener.names": "the listener that controllers use",
    "offsets.topic.replication.factor": "replicas of the topic with the offsets of consumer groups",
    "transaction.state.log.replication.factor": "replicas of the topic with the state of transactions",
    "transaction.state.log.min.isr": "in-sync replicas of that topic which a write needs",
    "log.dirs": "the folder of this node's data",
    "num.partitions": "partitions of a topic that is created without a number of partitions",
    "default.replication.factor": "replicas of a topic that is created without a replication factor",
    "offsets.topic.num.partitions": "few partitions of an internal topic make a lab start faster",
    "group.initial.rebalance.delay.ms": "a lab is ready sooner with shorter waits than Kafka's defaults",
    "log.cleaner.dedupe.buffer.size": "8 MiB of memory instead of 128 MiB are enough for a lab's compacted topics",
    "share.coordinator.state.topic.replication.factor": "replicas of the topic with the state of share groups",
    "group.share.heartbeat.interval.ms": "a new member of a share group receives records sooner",
}


def node_settings(plan: LabPlan, node: NodePlan) -> dict[str, str]:
    """Return the settings of `node`. `kafka.config` of lab.yaml comes last and overrides the others."""
    return (
        _identity(plan, node)
        | _internal_topics(plan)
        | _speed(plan)
        | _share_groups(plan)
        | node_security(plan, node)
        | dict(plan.broker_config)
    )


def environment_name(setting: str) -> str:
    """Return the variable that apache/kafka's image turns into `setting` (KafkaDockerWrapper: `_` `__` `___`)."""
    return "KAFKA_" + setting.replace("_", "__").replace("-", "___").replace(".", "_").upper()


def _identity(plan: LabPlan, node: NodePlan) -> dict[str, str]:
    """Who the node is, where it listens, and where it stores its data."""
    return {
        "node.id": str(node.id),
        "process.roles": ",".join(node.roles),
        "listeners": ",".join(f"{listener.name}://{listener.bind}:{listener.port}" for listener in node.listeners),
        **_advertised(node),
        "listener.security.protocol.map": ",".join(
            f"{name}:{protocol}" for name, protocol in _protocols(plan, node).items()
        ),
        **_quorum(plan),
        "controller.listener.names": "CONTROLLER",
        "log.dirs": node.data_folder,
        **_rack(node),
    }


def _quorum(plan: LabPlan) -> dict[str, str]:
    """The voters; where they can change, only where a node finds them."""
    places = {voter.id: f"{voter.name}:{voter.listener('CONTROLLER').port}" for voter in plan.voters}
    if plan.dynamic_quorum:
        return {"controller.quorum.bootstrap.servers": ",".join(places.values())}
    return {"controller.quorum.voters": ",".join(f"{number}@{place}" for number, place in places.items())}


def _rack(node: NodePlan) -> dict[str, str]:
    """Where the broker is, and that consumers in the same rack (client.rack) may read from it (KIP-392)."""
    selector = "org.apache.kafka.common.replica.RackAwareReplicaSelector"
    return {BROKER_RACK: node.rack, "replica.selector.class": selector} if node.rack else {}


def _internal_topics(plan: LabPlan) -> dict[str, str]:
    """Replicas of topics that Kafka creates itself; few partitions, which make a lab start faster."""
    replicas = str(plan.internal_replication_factor)
    partitions = str(len(plan.brokers))
    return {
        "num.partitions": "3",  # as a topic of lab.yaml gets by default
        "default.replication.factor": replicas,
        "offsets.topic.replication.factor": replicas,
        "offsets.topic.num.partitions": partitions,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": str(min_isr(plan.internal_replication_factor)),
        "transaction.state.log.num.partitions": partitions,
    }


def _speed(plan: LabPlan) -> dict[str, str]:
    """Shorter waits than Kafka's defaults, which suit busy clusters. Measured: docs/design/clusters.md."""
    settings = {
        # the first consumer of a group does not wait for more members; Kafka's default is 3000
        "group.initial.rebalance.delay.ms": "0",
        # for the keys of compacted topics; Kafka's 128 MiB are zeroed at each start, and are a third of a node's memory
        "log.cleaner.dedupe.buffer.size": str(8 * MEBIBYTE),
    }
    if len(plan.voters) > 1:
        # voters that start together wait this long, and up to twice as long, before a vote; Kafka's default is 1000
        settings["controller.quorum.election.timeout.ms"] = "200"
    if len(plan.brokers) > 1:
        # the first write of a new partition waits for its followers: until their open fetch ends (Kafka: 500), and
        # again where a follower fetched before the leader had the partition (Kafka: 1000)
        settings |= {"replica.fetch.wait.max.ms": "100", "replica.fetch.backoff.ms": "50"}
    return settings


def _share_groups(plan: LabPlan) -> dict[str, str]:
    if not has(plan.kafka_version, "share groups"):
        return {}
    replicas = plan.internal_replication_factor
    return {
        "share.coordinator.state.topic.replication.factor": str(replicas),
        "share.coordinator.state.topic.min.isr": str(min_isr(replicas)),
        "share.coordinator.state.topic.num.partitions": str(len(plan.brokers)),
        # a new member receives records at its second heartbeat: after 1 s, not after 5 s (docs/design/clusters.md)
        "group.share.heartbeat.interval.ms": "1000",
        "group.share.min.heartbeat.interval.ms": "1000",
    }


def _advertised(node: NodePlan) -> dict[str, str]:
    """What a broker advertises. Kafka rejects these settings on an isolated controller."""
    advertised = [f"{listener.name}://{listener.advertised}" for listener in node.listeners if listener.advertised]
    if not advertised:
        return {}
    return {"advertised.listeners": ",".join(advertised), "inter.broker.listener.name": "INTERNAL"}


def _protocols(plan: LabPlan, node: NodePlan) -> dict[str, str]:
    """{listener: protocol} of the node's own listeners, and of those it connects to: a broker to the controllers'."""
    controllers = [voter.listener("CONTROLLER") for voter in plan.voters]
    return {listener.name: listener.protocol for listener in [*node.listeners, *controllers]}
