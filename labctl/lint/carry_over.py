"""A Compose file with Kafka -> the lab.yaml of the same lab, and what could not be carried over."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from labctl.constants import DEFAULT_NAME, MIN_ISR
from labctl.errors import SpecError
from labctl.lint.addresses import is_loopback
from labctl.lint.compose.interpolation import shown
from labctl.lint.compose.model import Service, Stack
from labctl.lint.images import OF_SCRIPTS, OF_SECRETS, ZOOKEEPER, locked_release, split_image
from labctl.lint.node import KafkaNode
from labctl.lint.rule import Setup
from labctl.spec.formats import host_name
from labctl.spec.kafka_settings import OWN_SETTINGS, setting_problems
from labctl.spec.model import MOST_BROKERS, LabSpec, default_spec
from labctl.version_lock import load_lock, locked_versions

FIRST_PORT, PAGE_PORT = 9094, 8088
UI_IMAGES = re.compile(r"kafka-?ui|kafdrop|akhq|redpandadata/console|kafka-map|cmak|kafka_manager|conduktor")
# settings that labctl decides itself from the number of brokers, and those of ZooKeeper's time
DECIDED = re.compile(
    r"^(offsets\.topic|transaction\.state\.log|share\.coordinator\.state\.topic)\.|^zookeeper\.|^group\.initial\.rebalance"
)
SECURED = ("sasl.", "ssl.", "listener.name.", "authorizer.", "super.users", "allow.everyone", "security.")
_HEAP = re.compile(r"-Xmx(\d+)([mMgG])\b")
_TOPIC = re.compile(r"^(?P<name>[\w.-]+):(?P<partitions>\d+):(?P<copies>\d+)(?::(?P<policy>\w+))?$")
MOST_TOPICS = 1000


@dataclass(frozen=True, slots=True)
class CarriedOver:
    """The values of a lab.yaml by their keys, and a line for each thing that it does not have."""

    values: dict[str, Any]
    lost: tuple[str, ...]


def carry_over(stack: Stack, folder: str) -> CarriedOver:
    """Return the lab that a stack describes; `folder` is the name of the folder, for a stack without a name.

    Raises SpecError where no service runs a Kafka image that labctl knows.
    """
    setup = Setup(stack)
    brokers = sorted(setup.brokers, key=lambda node: (node.node_id is None, node.node_id))
    if not brokers:
        hint = "it knows apache/kafka, confluentinc/cp-kafka, bitnami/kafka and wurstmeister/kafka"
        raise SpecError([f"{stack.files[0]}: no service runs a Kafka image that labctl knows"], hint)
    lost: list[str] = []
    values: dict[str, Any] = {"name": _name(stack, folder), "kafka": _kafka(setup, brokers, lost)}
    values["listeners"] = _listeners(brokers, lost)
    values["topics"] = _topics(setup, values["kafka"]["brokers"], lost)
    values["ui"] = _ui(setup, values["listeners"]["external"]["port"], lost)
    lost += _not_there(setup, brokers)
    return CarriedOver(values, tuple(dict.fromkeys(lost)))


def _name(stack: Stack, folder: str) -> str:
    name = re.sub(r"[^A-Za-z0-9-]+", "-", stack.name or folder).strip("-")[:40].strip("-").lower()
    return name if name and name[0].isalnum() else DEFAULT_NAME


def _kafka(setup: Setup, brokers: list[KafkaNode], lost: list[str]) -> dict[str, Any]:
    count, controllers = len(brokers), [node for node in setup.nodes if node.roles == {"controller"}]
    version = _version(brokers[0], lost)
    kafka: dict[str, Any] = {"version": version, "brokers": min(count, MOST_BROKERS), "controllers": "combined"}
    if controllers:
        kafka["controllers"] = next(number for number in (5, 3, 1) if number <= len(controllers))
    elif kafka["brokers"] in {2, 4}:
        kafka["controllers"] = 1
        lost.append(
            f"{count} brokers that are controllers too: labctl has 1, 3 or 5 of them; one controller apart is used"
        )
    if count > kafka["brokers"]:
        lost.append(f"{count} brokers: labctl has at most {MOST_BROKERS}")
    return kafka | {"heap": _heap(brokers, lost), "config": _config(brokers, version, lost)}


def _version(node: KafkaNode, lost: list[str]) -> str:
    version = locked_release(node.version or ())
    if version is None:
        version = default_spec().kafka.version
        known = ", ".join(locked_versions())
        lost.append(f"{shown(node.service.image)}: labctl has Kafka {known}; {version} is used")
    return version


def _heap(brokers: list[KafkaNode], lost: list[str]) -> str:
    """The heap of the first broker that states one, as labctl writes it; "" where none does."""
    for node in brokers:
        options = node.service.environment.get("KAFKA_HEAP_OPTS")
        match = _HEAP.search((options.value or "") if options else "")
        if match:
            return f"{match[1]}{match[2].lower()}"
        if options:
            lost.append(f"KAFKA_HEAP_OPTS of {node.name}: no -Xmx in m or g")
    return ""


def _config(brokers: list[KafkaNode], version: str, lost: list[str]) -> dict[str, Any]:
    """The broker settings that lab.yaml may have; they are the same for all brokers."""
    config: dict[str, Any] = {}
    known = load_lock(version).settings["broker"]
    for node in brokers:
        for name, setting in node.settings.items():
            ours = name in OWN_SETTINGS or name == "node.id" or DECIDED.match(name) or not setting.variable
            if ours or name in config or name.startswith(SECURED):
                continue
            value = _scalar(setting.value.strip())
            problems = setting_problems(LabSpec.model_validate({"kafka": {"config": {name: value}}}), trusted=False)
            if name == MIN_ISR and isinstance(value, int) and value > len(brokers):
                lost.append(f"{setting.variable}: {value} replicas in sync need as many brokers")
            elif name not in known or problems or not setting.known:
                lost.append(f"{setting.variable}: {problems[0][1] if problems else f'{version} has no setting {name}'}")
            else:
                config[name] = value
    return config


def _scalar(value: str) -> str | int | bool:
    if re.fullmatch(r"-?\d{1,18}", value):
        return int(value)
    return {"true": True, "false": False}.get(value.lower(), value)


def _listeners(brokers: list[KafkaNode], lost: list[str]) -> dict[str, Any]:
    """The port of the first broker's listener for the host; the others follow it."""
    found = [next(_for_host(node), None) for node in brokers]
    first = found[0]
    if first is None:
        lost.append(f"{brokers[0].name} has no listener for the host; localhost:{FIRST_PORT} is used")
        return {"external": {"port": FIRST_PORT, "advertise": ""}}
    host, port = first
    if any(one and one[1] != port + place for place, one in enumerate(found)):
        numbers = ", ".join(str(one[1]) for one in found if one)
        lost.append(f"the brokers' ports {numbers}: labctl counts from the first, {port} to {port + len(brokers) - 1}")
    if not is_loopback(host) and not _is_host_name(host):
        lost.append(f"the advertised host {shown(host)}: localhost is used")
        host = "localhost"
    return {"external": {"port": port, "advertise": "" if is_loopback(host) else host}}


def _is_host_name(host: str) -> bool:
    try:
        return bool(host_name(host))
    except ValueError:
        return False


def _for_host(node: KafkaNode) -> Iterator[tuple[str, int]]:
    """(host, port) that a broker advertises and publishes for clients on the host or elsewhere."""
    published = {port.container: port for port in node.service.ports}
    for one in node.advertised:
        listener = node.listener(one.name)
        names = {node.name, node.service.container_name, node.service.hostname}
        if listener and listener.port in published and one.port and one.host not in names:
            yield one.host, one.port


def _topics(setup: Setup, brokers: int, lost: list[str]) -> list[dict[str, Any]]:
    """The topics that services create with kafka-topics, or that a variable of wurstmeister's image names."""
    found: dict[str, dict[str, Any]] = {}
    for node in setup.nodes:
        variable = node.service.environment.get("KAFKA_CREATE_TOPICS")
        for entry in re.split(r"[,\s]+", (variable.value or "") if variable else ""):
            match = _TOPIC.match(entry.strip("\"' "))
            if match:
                config = {"cleanup.policy": match["policy"]} if match["policy"] in {"compact", "delete"} else {}
                found[match["name"]] = _topic(match["name"], match["partitions"], match["copies"], config)
    for service in setup.others:
        text = service.command_line
        for command in re.split(r"&&|\|\||;|\n|\bdo\b", text):
            if "kafka-topics" in command and "--create" in command:
                topic = _created(command)
                if topic:
                    found[topic["name"]] = topic
                else:
                    lost.append(f"a topic of {service.name}: its name is not in the command")
    for topic in found.values():
        if topic["replication_factor"] > brokers:
            lost.append(f"topic {topic['name']}: {topic['replication_factor']} replicas need as many brokers")
            topic["replication_factor"] = brokers
    return list(found.values())[:MOST_TOPICS]


def _topic(name: str, partitions: str, copies: str, config: dict[str, Any]) -> dict[str, Any]:
    numbers = {"partitions": partitions, "replication_factor": copies}
    given = {key: int(value) if value.isdigit() else 0 for key, value in numbers.items()}  # 0: not stated
    return {"name": name, **given, "config": config}


def _created(command: str) -> dict[str, Any] | None:
    """The topic that one kafka-topics command creates; None where its name is not known."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    values: dict[str, str] = {}
    config: dict[str, Any] = {}
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option, equals, attached = word.partition("=")
        value = (attached if equals else following).strip("\"'")
        if option == "--config":
            key, _, setting = value.partition("=")
            config[key] = _scalar(setting)
        elif option in {"--topic", "--partitions", "--replication-factor"}:
            values[option] = value
    name = values.get("--topic", "")
    if not re.fullmatch(r"[\w.-]{1,249}", name):
        return None
    return _topic(name, values.get("--partitions", ""), values.get("--replication-factor", ""), config)


def _ui(setup: Setup, kafka_port: int, lost: list[str]) -> dict[str, Any]:
    """The port of the page; 0 where there is none."""
    for service in setup.others:
        if UI_IMAGES.search(service.image):
            kafkas = range(kafka_port, kafka_port + MOST_BROKERS)
            port = next((port.host for port in service.ports if port.host and port.host not in kafkas), PAGE_PORT)
            lost.append(
                f"{service.name} ({shown(service.image)}): labctl's page, or Kafbat UI in Docker, takes its place"
            )
            return {"port": port}
    return {"port": 0}


def _not_there(setup: Setup, brokers: list[KafkaNode]) -> Iterator[str]:
    """Other services, other listeners, logins, files."""
    for node in brokers:
        secured = any(node.protocols.get(one.name, "PLAINTEXT") != "PLAINTEXT" for one in node.listeners)
        if secured or any(name.startswith(SECURED[:4]) for name, one in node.settings.items() if one.variable):
            yield "logins and certificates: labctl makes its own (security: {protocol: sasl_ssl}, TLS and SCRAM)"
        if node.elsewhere:
            yield f"{node.name}: {node.elsewhere}"
        if len(node.listeners) > len(set(node.controller_names)) + 2:
            yield f"{node.name} has {len(node.listeners)} listeners; labctl has one for the host and one inside"
        ignored = (OF_SCRIPTS | OF_SECRETS) - {"KAFKA_HEAP_OPTS", "KAFKA_VERSION", "KAFKA_HOME"}
        yield from (f"{name} of {node.name}" for name in node.service.environment if name in ignored)
    for service in setup.others:
        if not _is_replaced(service):
            yield f"service {service.name} ({shown(service.image) or 'built here'})"


def _is_replaced(service: Service) -> bool:
    """Whether a lab has something in place of the service: ZooKeeper, a page, topics."""
    text = service.command_line
    zookeeper = bool(ZOOKEEPER.search(split_image(service.image)[0]))
    return zookeeper or bool(UI_IMAGES.search(service.image)) or ("kafka-topics" in text and "--create" in text)
