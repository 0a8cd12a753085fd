"""Node ids and roles: what each node of a cluster is."""

from __future__ import annotations

from collections.abc import Iterator

from labctl.lint.complete import second_broker
from labctl.lint.images import APACHE, CONFLUENT
from labctl.lint.membership import same_cluster
from labctl.lint.rule import Match, Setup, rule
from labctl.lint.settings import ROLES, VOTERS

KNOWN_ROLES = {"broker", "controller"}


@rule(
    "KAFKA-ROLES-MISSING",
    "error",
    wrong="KAFKA_PROCESS_ROLES: !reset null",
    right="KAFKA_PROCESS_ROLES: broker,controller",
    versions="4.0 and newer; 3.x without ZooKeeper",
)
def roles_missing(setup: Setup) -> Iterator[Match]:
    """process.roles is missing, and with it the node's role.

    Kafka ends with `Missing required configuration "process.roles"`; 3.x asks for zookeeper.connect.
    """
    for node in setup.nodes:
        own = [setting for setting in node.settings.values() if setting.variable and not _is_foreign(setting.name)]
        partly = {"node.id", VOTERS, "listeners"} & node.settings.keys()
        required = node.image in {APACHE, CONFLUENT} and node.complete and own and partly
        if required and ROLES not in node.settings and "zookeeper.connect" not in node.settings:
            yield Match(
                node.place("node.id", VOTERS, "listeners"),
                f"{node.name} has no KAFKA_PROCESS_ROLES: Kafka can't tell whether it is a broker or a controller",
                "write KAFKA_PROCESS_ROLES: broker,controller (or one of them)",
            )


@rule(
    "KAFKA-ROLES-INVALID",
    "error",
    wrong="KAFKA_PROCESS_ROLES: brokers",
    right="KAFKA_PROCESS_ROLES: broker,controller",
)
def roles_invalid(setup: Setup) -> Iterator[Match]:
    """process.roles has a role that does not exist.

    The roles are broker and controller, in small letters, separated by commas.
    """
    for node in setup.nodes:
        wrong = sorted(role for role in node.roles if role not in KNOWN_ROLES and role[0] not in "\"'")
        if wrong:
            yield Match(
                node.place(ROLES), f"there is no role {wrong[0]}", "use broker, controller, or broker,controller"
            )


@rule(
    "KAFKA-NODE-ID-MISSING",
    "error",
    wrong="KAFKA_NODE_ID: !reset null",
    right="KAFKA_NODE_ID: 1",
    versions="KRaft",
)
def node_id_missing(setup: Setup) -> Iterator[Match]:
    """The node has no id.

    In KRaft every node has an id that its file states, and that the voters repeat.
    """
    for node in setup.nodes:
        if node.roles and node.complete and not {"node.id", "broker.id"} & node.settings.keys():
            yield Match(
                node.place(ROLES),
                f"{node.name} has no KAFKA_NODE_ID, which KRaft requires",
                "write KAFKA_NODE_ID with a number that no other node has",
            )


@rule(
    "KAFKA-NODE-ID-TWICE",
    "error",
    wrong=second_broker(number=1),
    right=second_broker(),
)
def node_id_twice(setup: Setup) -> Iterator[Match]:
    """Two nodes of one cluster have the same id.

    The second one is refused as a duplicate, or takes the place of the first.
    """
    for node in setup.nodes:
        for other in setup.earlier(node):
            if node.node_id is not None and node.node_id == other.node_id and same_cluster(node, other):
                yield Match(
                    node.place("node.id", "broker.id"),
                    f"{node.name} and {other.name} both have the id {node.node_id}",
                    "give each node of a cluster an id of its own, also in the voters",
                )
                break


def _is_foreign(name: str) -> bool:
    return name.startswith("cfg.")
