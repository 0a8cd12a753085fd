"""From another image to apache/kafka, from ZooKeeper to KRaft, from no settings to all: the changes for one node."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from uuid import NAMESPACE_URL, uuid5

from labctl.kafka_ids import encoded_id
from labctl.lint.compose.interpolation import UNKNOWN
from labctl.lint.compose.model import Service, Stack
from labctl.lint.edit import (
    Edit,
    RemoveService,
    RemoveVariable,
    RenameVariable,
    ReplaceText,
    SetImage,
    SetTarget,
    SetVariable,
)
from labctl.lint.images import APACHE, BITNAMI, ZOOKEEPER, kafka_version, locked_release, split_image
from labctl.lint.node import KafkaNode
from labctl.lint.rule import Setup
from labctl.lint.settings import ADVERTISED, CONTROLLER_NAMES, LISTENERS, MAP, ROLES, VOTERS
from labctl.version_lock import locked_versions

BITNAMI_TOOLS = "/opt/bitnami/kafka/bin/"
# what makes settings of its own in bitnami's scripts: logins, certificates
SECURED = re.compile(r"_(USERS?|PASSWORDS?)$|KAFKA_(CFG_)?(SASL|SSL|TLS)|SCRAM|JAAS")
# variables with the same meaning for bitnami's image alone
NOT_NEEDED = ("ALLOW_PLAINTEXT_LISTENER", "BITNAMI_DEBUG", "KAFKA_ENABLE_KRAFT", "KAFKA_KRAFT_MODE", "KAFKA_DEBUG")
FIRST_IMAGE = (3, 7)  # of Apache: KIP-975
CONTROLLER = "CONTROLLER"
CONTROLLER_PORTS = range(9093, 9100)


def full_set(node: KafkaNode) -> tuple[Edit, ...]:
    """Return the changes that write apache/kafka's own configuration as variables, where it forgot it."""
    missing = {name: value for name, value in APACHE.whole.items() if name not in node.settings}
    values = missing | {"log.dirs": APACHE.data_folder}
    return tuple(node.set(name, value) for name, value in values.items())


def to_apache(setup: Setup, node: KafkaNode | None, service: Service | None = None) -> tuple[Edit, ...]:
    """Return the changes that run a node, or a service with Kafka's tools, with the image of Apache.

    Nothing where it can't be done without a question: logins, mounted configurations, several brokers at one ZooKeeper.
    """
    if node is None:
        return tuple(_tools(service)) if service and not ZOOKEEPER.search(split_image(service.image)[0]) else ()
    names = node.service.environment
    if (
        not _is_here(setup.stack, node)
        or node.elsewhere
        or any(SECURED.search(name) for name in names)
        or node.service.replicas != 1
    ):
        return ()
    kraft = to_kraft(setup, node) if node.uses_zookeeper else ()
    if node.uses_zookeeper and not kraft:
        return ()
    edits: list[Edit] = [SetImage(node.name, f"apache/kafka:{_apache_tag(node.service.image)}")]
    edits += [edit for edit in kraft if isinstance(edit, RemoveVariable | RenameVariable)]  # by their old names
    edits += _without_prefix(node) if node.image is BITNAMI else _of_wurstmeister(node)
    if "node.id" not in node.settings and "broker.id" in node.settings and not kraft:
        edits.append(RenameVariable(node.name, "KAFKA_BROKER_ID", "KAFKA_NODE_ID"))
    if not node.roles and not kraft:
        edits += _alone(node)
    for mount in node.service.mounts:
        if mount.target in {"/bitnami", "/bitnami/kafka", "/bitnami/kafka/data", "/kafka"}:
            edits.append(SetTarget(node.name, mount.target, APACHE.data_folder))
    edits.append(SetVariable(node.name, "KAFKA_LOG_DIRS", APACHE.data_folder))
    edits.append(ReplaceText(node.name, ("healthcheck", "test"), BITNAMI_TOOLS, f"{APACHE.tools}/"))
    return (*edits, *kraft)


def to_kraft(setup: Setup, node: KafkaNode) -> tuple[Edit, ...]:
    """Return the changes that make a lone broker of ZooKeeper's time a node of KRaft.

    Nothing where it is not alone, or its listeners are not known.
    """
    alone = [one for one in setup.nodes if one.uses_zookeeper] == [node] and node.service.replicas == 1
    known = node.listeners and all(one.port for one in node.listeners) and not node.elsewhere
    secured = any(SECURED.search(name) for name in node.service.environment)
    taken = any(one.name == CONTROLLER or UNKNOWN in one.host for one in node.listeners)
    if not alone or not known or secured or taken or not _is_here(setup.stack, node):
        return ()
    used = {one.port for one in node.listeners} | {port.container for port in node.service.ports}
    port = next(port for port in CONTROLLER_PORTS if port not in used)
    number = node.node_id if node.node_id is not None else 1
    listeners = [*(replace(one, host="") for one in node.listeners), f"{CONTROLLER}://:{port}"]
    values = {
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_NODE_ID": str(number),
        "KAFKA_LISTENERS": ",".join(map(str, listeners)),
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": _with_controller(node),
        "KAFKA_CONTROLLER_LISTENER_NAMES": CONTROLLER,
        "KAFKA_CONTROLLER_QUORUM_VOTERS": f"{number}@{node.name}:{port}",
    }
    if "CLUSTER_ID" not in node.service.environment:
        values["CLUSTER_ID"] = cluster_id(setup.stack)
    edits: list[Edit] = []
    for name, setting in node.settings.items():
        if name == "broker.id" and setting.variable:
            edits.append(RenameVariable(node.name, setting.variable, "KAFKA_NODE_ID"))
        if name.startswith("zookeeper.") and setting.variable:
            edits.append(RemoveVariable(node.name, setting.variable))
    edits += [SetVariable(node.name, name, value) for name, value in values.items()]
    return (*edits, *_without_zookeeper(setup, node))


def _is_here(stack: Stack, node: KafkaNode) -> bool:
    """Whether the Compose files themselves have the node's variables, not an env_file."""
    return all(variable.place.file in stack.files for variable in node.service.environment.values())


def cluster_id(stack: Stack) -> str:
    """Return a cluster id for a stack: the same for the same services."""
    return encoded_id(uuid5(NAMESPACE_URL, "\n".join(sorted(stack.services))))


def _apache_tag(image: str) -> str:
    """The tag of Apache's image with the same Kafka; the newest where Apache has none of that version."""
    version = kafka_version(image) or ()
    exists = version >= FIRST_IMAGE and len(version) == 3
    return locked_release(version) or (".".join(map(str, version)) if exists else locked_versions()[-1])


def _without_prefix(node: KafkaNode) -> Iterator[Edit]:
    """The names of bitnami's variables -> those of Apache's image."""
    environment = node.service.environment
    ids = {"KAFKA_KRAFT_CLUSTER_ID", "KAFKA_CLUSTER_ID", f"{BITNAMI.prefix}CLUSTER_ID"} & environment.keys()
    for name in environment:
        new = f"KAFKA_{name.removeprefix(BITNAMI.prefix)}"
        if name in ids:
            yield RenameVariable(node.name, name, "CLUSTER_ID")
        elif name in NOT_NEEDED:
            yield RemoveVariable(node.name, name)
        elif name.startswith(BITNAMI.prefix):
            yield RemoveVariable(node.name, name) if new in environment else RenameVariable(node.name, name, new)


def _of_wurstmeister(node: KafkaNode) -> Iterator[Edit]:
    """The host and port of wurstmeister's variables -> listeners."""
    gone = ("KAFKA_ADVERTISED_HOST_NAME", "KAFKA_ADVERTISED_PORT", "KAFKA_PORT", "KAFKA_HOST_NAME")
    advertised = node.settings.get(ADVERTISED)
    if advertised and advertised.variable in gone:
        yield SetVariable(node.name, "KAFKA_ADVERTISED_LISTENERS", advertised.value)
    for name in gone:
        if name in node.service.environment:
            yield RemoveVariable(node.name, name)


def _alone(node: KafkaNode) -> Iterator[Edit]:
    """What a node without roles needs: bitnami's image has them by default."""
    defaults = dict(APACHE.whole) | {VOTERS: f"1@{node.name}:9093", ADVERTISED: f"PLAINTEXT://{node.name}:9092"}
    for name in (ROLES, "node.id", LISTENERS, ADVERTISED, MAP, CONTROLLER_NAMES, VOTERS):
        given = node.settings.get(name)
        if given is None or not given.variable:
            yield SetVariable(node.name, APACHE.prefix + name.upper().replace(".", "_"), defaults[name])


def _with_controller(node: KafkaNode) -> str:
    given = node.settings.get(MAP)
    own = given.value.strip() if given else ",".join(f"{one.name}:{node.protocols[one.name]}" for one in node.listeners)
    return f"{own},{CONTROLLER}:PLAINTEXT"


def _without_zookeeper(setup: Setup, node: KafkaNode) -> Iterator[Edit]:
    """Remove the ZooKeeper that the node used, where nothing else names it."""
    addresses = re.split(r"[,/]", node.value("zookeeper.connect"))
    hosts = {address.partition(":")[0].strip() for address in addresses}
    for service in setup.stack:
        is_zookeeper = bool(ZOOKEEPER.search(split_image(service.image)[0]))
        if not is_zookeeper or not hosts & {service.name, service.container_name, service.hostname}:
            continue
        names = {service.name, service.container_name, service.hostname} - {""}
        if not any(_mentions(other, names) for other in setup.stack if other not in {service, node.service}):
            yield RemoveService(service.name)


def _mentions(service: Service, names: set[str]) -> bool:
    """Whether a variable or the command of a service names one of `names`."""
    texts = [service.command_line, *(variable.value or "" for variable in service.environment.values())]
    return any(re.search(rf"\b{re.escape(name)}\b", text) for name in names for text in texts)


def _tools(service: Service) -> Iterator[Edit]:
    """A service that only runs Kafka's tools: their folder in Apache's image."""
    yield SetImage(service.name, f"apache/kafka:{_apache_tag(service.image)}")
    for key, part in (("command", service.command), ("entrypoint", service.entrypoint)):
        text = part.text if part else ""
        if BITNAMI_TOOLS in text:
            yield ReplaceText(service.name, (key,), BITNAMI_TOOLS, f"{APACHE.tools}/")
        for tool in sorted(set(re.findall(r"(?<![\w/])kafka-[a-z-]+\.sh", text))):
            yield ReplaceText(service.name, (key,), tool, f"{APACHE.tools}/{tool}")
