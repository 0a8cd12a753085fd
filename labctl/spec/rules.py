"""The combinations of lab.yaml's keys that can't work."""

from __future__ import annotations

import re

from labctl.constants import BROKER_RACK, MIN_ISR
from labctl.records.topic_rules import TopicRules
from labctl.replication import default_replication_factor
from labctl.runtime_traits import RUNTIMES
from labctl.spec.formats import VOTERS, even_voters
from labctl.spec.kafka_settings import setting_problems
from labctl.spec.model import CLUSTER_OPERATIONS, KeyPath, LabSpec, Problem, Scalar
from labctl.spec.section import HIGHEST_PORT
from labctl.versions import has

# the ends of broker settings that need as many brokers: of topics, and of Kafka's own topics
REPLICA_SETTINGS = ("replication.factor", MIN_ISR, "state.log.min.isr", "state.topic.min.isr")


def validate(spec: LabSpec, *, trusted: bool) -> list[Problem]:
    """Return what can't work in `spec`, and what it may not have: (path of the key, what is wrong and what to do).

    `trusted` is whether the user accepts every setting of Kafka.
    """
    found = [problem for rule in RULES for problem in rule(spec)] + setting_problems(spec, trusted=trusted)
    return found if trusted else found + _plugins(spec)


def _nodes(spec: LabSpec) -> list[Problem]:
    brokers = spec.kafka.brokers
    if spec.kafka.controllers == "combined" and brokers not in VOTERS:
        return [(("kafka", "brokers"), f"combined nodes are 1, 3 or 5{even_voters(brokers)}; or set kafka.controllers")]
    return _quorum(spec)


def _quorum(spec: LabSpec) -> list[Problem]:
    controllers, version = spec.kafka.controllers, spec.kafka.version
    if spec.kafka.quorum == "dynamic" and not has(version, "dynamic quorum"):
        return [(("kafka", "quorum"), f"a dynamic quorum needs Kafka 4.1 or newer, this lab has {version}")]
    if isinstance(controllers, int) and controllers not in VOTERS and spec.kafka.quorum == "static":
        return [
            (("kafka", "controllers"), f"combined, 1, 3 or 5{even_voters(controllers)}; or set kafka.quorum: dynamic")
        ]
    return []


def _racks(spec: LabSpec) -> list[Problem]:
    racks, brokers = spec.kafka.racks, spec.kafka.brokers
    found: list[Problem] = []
    if racks > brokers:
        found.append((("kafka", "racks"), f"{racks} racks need {racks} brokers, this lab has {brokers}"))
    if racks > 1 and BROKER_RACK in spec.kafka.config:
        found.append((("kafka", "config", BROKER_RACK), "kafka.racks sets it for each broker; remove one of both"))
    return found


def _topics(spec: LabSpec) -> list[Problem]:
    found: list[Problem] = []
    places: dict[str, int] = {}
    for place, topic in enumerate(spec.topics):
        rules = TopicRules(topic.partitions, keys=spec.is_compacted(topic))
        for number, record in enumerate(topic.inline_records):
            if what := rules.problem(record):
                found.append((("topics", place, "records", number), what))
        # Topic.hasCollision: metric names don't distinguish '.' from '_'
        first = places.setdefault(topic.name.replace(".", "_"), place)
        if first < place:
            what = f"topics[{first}] has this name already ('.' and '_' count as the same)"
            found.append((("topics", place, "name"), what))
    return found


def _ui(spec: LabSpec) -> list[Problem]:
    if spec.ui.kind != "kafbat":
        return []
    found: list[Problem] = []
    if spec.runtime in RUNTIMES and not RUNTIMES[spec.runtime].has_kafbat:
        names = " or ".join(name for name, traits in RUNTIMES.items() if traits.has_kafbat)
        found.append((("ui", "kind"), f"kafbat is a container beside the nodes: set runtime {names}, or kind page"))
    if spec.security.profile.requires_login:
        what = "kafbat would have a password in its environment, which others can read; set kind page"
        found.append((("ui", "kind"), what))
    return found


def _replicas(spec: LabSpec) -> list[Problem]:
    """More replicas than brokers, and min.insync.replicas above the replication factor."""
    found: list[Problem] = []
    brokers = spec.kafka.brokers
    for key, value in spec.kafka.config.items():
        if key.endswith(REPLICA_SETTINGS) and _number(value) > brokers:
            found.append((("kafka", "config", key), _too_many(_number(value), brokers)))
    default_isr = _number(spec.kafka.config.get(MIN_ISR))
    for place, topic in enumerate(spec.topics):
        if topic.replication_factor is not None and topic.replication_factor > brokers:
            found.append((("topics", place, "replication_factor"), _too_many(topic.replication_factor, brokers)))
        replicas = topic.replication_factor or default_replication_factor(brokers)
        isr = _number(topic.config.get(MIN_ISR))
        if isr > replicas:
            what = f"{isr} in-sync replicas need a replication factor of {isr}, this topic has {replicas}"
            found.append((("topics", place, "config", MIN_ISR), what))
        if not isr and replicas < default_isr <= brokers:
            what = (
                f"{default_isr} in-sync replicas need a replication factor of {default_isr}, "
                f"the topic {topic.name} has {replicas}"
            )
            found.append((("kafka", "config", MIN_ISR), what))
    return found


def _too_many(replicas: int, brokers: int) -> str:
    return f"{replicas} replicas need {replicas} brokers, this lab has {brokers}"


def _number(value: Scalar | None) -> int:
    """The number that Kafka reads in a setting; 0 where it is none, which Kafka itself rejects."""
    text = str(value)
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0


def _security(spec: LabSpec) -> list[Problem]:
    """Users that are never used, two of the same name, ACLs for nothing."""
    users = spec.security.users or []
    if not spec.security.profile.requires_login:
        what = f"with protocol {spec.security.protocol} nobody logs in; remove the users, or set protocol sasl_ssl"
        return [(("security", "users"), what)] if users else []
    found: list[Problem] = []
    if not spec.security.with_defaults:
        found.append((("security", "users"), "a lab with security needs a user"))
    if "kafka-native" in spec.kafka.image:
        what = "kafka-native can't do this: it has no tools, and SASL fails; use apache/kafka"
        found.append((("kafka", "image"), what))
    topics = dict.fromkeys(topic.name for topic in spec.topics)
    names: set[str] = set()
    for place, user in enumerate(users):
        if user.name in names:
            found.append((("security", "users", place, "name"), "another user has this name already"))
        names.add(user.name)
        for number, acl in enumerate(user.acls or []):
            where: KeyPath = ("security", "users", place, "acls", number)
            if len(acl.resources) != 1:
                found.append((where, "needs exactly one of topic, group, transactional_id and cluster"))
            elif acl.cluster and (wrong := sorted(set(acl.allow) - CLUSTER_OPERATIONS)):
                known = ", ".join(sorted(CLUSTER_OPERATIONS))
                what = f"the cluster has no operation {', '.join(wrong)}; it has {known}"
                found.append(((*where, "allow"), what))
            elif acl.topic is not None and not (acl.topic.endswith("*") or acl.topic in topics):
                what = f"this lab has no such topic; there are {', '.join(topics) or 'none'}, and * for later topics"
                found.append(((*where, "topic"), what))
    return found


def _ports(spec: LabSpec) -> list[Problem]:
    """Ports that do not exist, or that two listeners would have."""
    port = spec.listeners.external.port
    if port == "auto":
        return []
    where: KeyPath = ("listeners", "external", "port")
    last = port + spec.kafka.brokers - 1
    if last > HIGHEST_PORT:
        return [(where, f"the brokers' ports would be {port} to {last}, and the highest port is {HIGHEST_PORT}")]
    found: list[Problem] = []
    if spec.ui.kind != "none" and spec.ui.port != "auto" and port <= spec.ui.port <= last:
        what = f"two listeners on port {spec.ui.port}: listeners.external has it; choose another"
        found.append((("ui", "port"), what))
    return found


def _services(spec: LabSpec) -> list[Problem]:
    """Services where they can't run, and ports that somebody else in the lab has."""
    found: list[Problem] = []
    taken: dict[int | str, str] = {}
    external = spec.listeners.external.port
    if external != "auto":
        taken |= {external + place: "listeners.external" for place in range(spec.kafka.brokers)}
    if spec.ui.kind != "none":
        taken.setdefault(spec.ui.port, "ui")
    for key, service in spec.services.wanted.items():
        where: KeyPath = ("services", key)
        if spec.security.profile.requires_login:
            what = f"a lab with security.protocol {spec.security.protocol} has no services: they require no login"
            found.append((where, what))
        if spec.runtime in RUNTIMES and not RUNTIMES[spec.runtime].has_services:
            names = " or ".join(name for name, traits in RUNTIMES.items() if traits.has_services)
            found.append((where, f"the runtime {spec.runtime} has no services: set runtime {names}"))
        if service.port != "auto" and service.port in taken:
            what = f"two listeners on port {service.port}: {taken[service.port]} has it; choose another"
            found.append(((*where, "port"), what))
        taken.setdefault(service.port, f"services.{key}")
    return found


def _plugins(spec: LabSpec) -> list[Problem]:
    """The plugins of Kafka Connect, which run code on this machine."""
    connect = spec.services.connect
    what = "a plugin runs code: --trust accepts it"
    return [
        (("services", "connect", "plugins", place), what) for place in range(len(connect.plugins if connect else ()))
    ]


def _advertise(spec: LabSpec) -> list[Problem]:
    advertise, brokers = spec.listeners.external.advertise, spec.kafka.broker_names
    unknown = [] if isinstance(advertise, str) else [name for name in advertise if name not in brokers]
    what = f"there is no such broker; there are {', '.join(brokers)}"
    return [(("listeners", "external", "advertise", name), what) for name in unknown]


RULES = (_nodes, _racks, _topics, _ui, _replicas, _security, _ports, _services, _advertise)
