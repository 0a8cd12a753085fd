"""Every decision about a lab, made once: LabSpec + HostFacts + Identity -> LabPlan.

Nothing here examines the machine.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from labctl.constants import (
    CONTROLLER_PORT,
    INNER_EXTERNAL_PORT,
    INTERNAL_PORT,
    LOCALHOST,
    MIN_ISR,
)
from labctl.errors import SpecError
from labctl.kafka_ids import derived_id
from labctl.plan.inner_ports import inner_ports
from labctl.plan.model import (
    BROKER,
    CONTROLLER,
    AclPlan,
    Decision,
    HostFacts,
    HostPort,
    Identity,
    LabPlan,
    Listener,
    NodePlan,
    SecurityPlan,
    TopicPlan,
    UiPlan,
    host_ports,
    prefixed_name,
)
from labctl.plan.services import plan_services
from labctl.replication import default_replication_factor, min_isr
from labctl.runtime_traits import RUNTIMES, RuntimeTraits

if TYPE_CHECKING:  # a process that only receives a plan needs no pydantic: the lab page loads in half the time
    from labctl.spec.model import AclSpec, LabSpec, Scalar

CONTROLLER_IDS = 100  # isolated controllers count from 101, brokers from 1: an added node renames no other node
LAB_PAGE = Decision("page", "the lab page")
KAFBAT_REQUESTED = Decision("kafbat", "Kafbat UI, as requested")
KAFBAT_SERVICE = "kafka-ui"
KAFBAT_PORT = 8080  # inside its container


def make_plan(spec: LabSpec, runtime: Decision, facts: HostFacts, identity: Identity) -> LabPlan:
    """Return the plan of a lab. Raises SpecError where its listeners can't be reached."""
    if identity.engine_host:
        _refuse_unreachable_engine(spec, identity.engine_host)
    return LabPlan(
        name=spec.name,
        runtime=runtime,
        kafka_version=spec.kafka.version,
        image=image_name(spec),
        pull=spec.kafka.pull,
        heap=spec.kafka.heap,
        bind=spec.listeners.external.bind,
        selinux=facts.selinux,
        dynamic_quorum=spec.kafka.quorum == "dynamic",
        proxied=spec.listeners.external.faults,
        cluster_id=identity.cluster_id,
        state=identity.state,
        engine=identity.engine,
        engine_host=identity.engine_host,
        engine_kind=identity.engine_kind,
        engine_shares_memory=identity.engine_shares_memory,
        network=RUNTIMES[runtime.name].network.format(lab=spec.name),
        nodes=_nodes(spec, RUNTIMES[runtime.name], facts, identity),
        topics=plan_topics(spec),
        broker_config=_texts(spec.kafka.config),
        security=_security(spec),
        services=plan_services(spec, RUNTIMES[runtime.name], identity),
        ui=_ui(spec, RUNTIMES[runtime.name], identity),
        checks=spec.checks,
        timeout=spec.timeout,
    )


def image_name(spec: LabSpec) -> str:
    """Return the image of a container: Kafka's version is its tag, unless lab.yaml gives a tag or digest."""
    return spec.kafka.image if _has_tag(spec.kafka.image) else f"{spec.kafka.image}:{spec.kafka.version}"


def plan_topics(spec: LabSpec) -> tuple[TopicPlan, ...]:
    """Return the topics of the lab, with every default."""
    return tuple(
        TopicPlan(
            name=topic.name,
            partitions=topic.partitions,
            replication_factor=(
                replication_factor := topic.replication_factor or default_replication_factor(spec.kafka.brokers)
            ),
            config=_texts(_min_isr_config(replication_factor, spec) | topic.config),
            records=tuple(topic.inline_records),
            record_file=topic.record_file,
            compacted=spec.is_compacted(topic),
        )
        for topic in spec.topics
    )


def fixed_host_ports(spec: LabSpec) -> list[HostPort]:
    """Return the ports of this machine that lab.yaml names; those that are chosen later are not among them."""
    external = spec.listeners.external
    ports = []
    if external.port != "auto" and (external.faults or not spec.in_swarm):
        ports = [external.port + place for place in range(spec.kafka.brokers)]
    page = None if spec.ui.kind == "none" or spec.ui.port == "auto" else spec.ui.port
    services = {key: service.port for key, service in spec.services.wanted.items() if service.port != "auto"}
    return host_ports(external.bind, ports, page, services)


def _ui(spec: LabSpec, traits: RuntimeTraits, identity: Identity) -> UiPlan:
    chosen = identity.ui or LAB_PAGE
    if spec.ui.kind == "none":
        return UiPlan("none", None, "the lab has no web page")
    port = identity.ui_port if spec.ui.port == "auto" else spec.ui.port
    secure = spec.security.profile.requires_login
    kind = chosen.name if spec.ui.kind == "auto" else spec.ui.kind
    if kind == "kafbat" and traits.has_kafbat and not secure and not identity.engine_host:
        return UiPlan(
            "kafbat",
            port,
            chosen.reason if spec.ui.kind == "auto" else KAFBAT_REQUESTED.reason,
            spec.ui.image,
            kafbat_container(spec.name),
            KAFBAT_PORT,
        )
    return UiPlan(LAB_PAGE.name, port, LAB_PAGE.reason, host="127.0.0.1" if secure else "localhost")


def kafbat_container(lab: str) -> str:
    """Return the name of Kafbat's container in the lab `lab`."""
    return prefixed_name(lab, KAFBAT_SERVICE)


def _security(spec: LabSpec) -> SecurityPlan | None:
    profile = spec.security.profile
    if not profile.requires_login:
        return None
    users = spec.security.with_defaults
    acls = {
        planned
        for user in users
        for acl in user.acls_with_defaults(spec.topics)
        for planned in _acl_plans(user.name, acl)
    }
    return SecurityPlan(profile, tuple(user.name for user in users), tuple(sorted(acls)))


def _acl_plans(user: str, acl: AclSpec) -> list[AclPlan]:
    """Return an ACL for each operation. `*` alone is Kafka's own name for all resources, `abc*` means a prefix."""
    resource, name = acl.resource
    prefixed = name != "*" and name.endswith("*")
    pattern = "prefixed" if prefixed else "literal"
    plain_name = name.removesuffix("*") if prefixed else name
    return [AclPlan(user, resource, pattern, plain_name, operation) for operation in acl.allow]


def _min_isr_config(replication_factor: int, spec: LabSpec) -> dict[str, Scalar]:
    """Kafka's own default of 1 would let an acknowledged record be lost with its leader."""
    as_kafka = min_isr(replication_factor) == 1 or MIN_ISR in spec.kafka.config
    return {} if as_kafka else {MIN_ISR: min_isr(replication_factor)}


class Member(NamedTuple):
    """A node of the cluster. `number` counts the lab's nodes from 1, and decides addresses and ports."""

    name: str
    id: int
    roles: tuple[str, ...]
    number: int


def plan_members(spec: LabSpec, removed_controllers: Collection[int] = ()) -> list[Member]:
    """Return the nodes of the cluster: the brokers, then the controllers where they are isolated.

    No controller has one of the numbers of `removed_controllers`.
    """
    combined = spec.kafka.controllers == "combined"
    roles = (BROKER, CONTROLLER) if combined else (BROKER,)
    brokers = spec.kafka.brokers
    members = [Member(name, number, roles, number) for number, name in enumerate(spec.kafka.broker_names, 1)]
    numbers = (number for number in itertools.count(1) if number not in removed_controllers)
    return members + [
        Member(f"controller-{number}", CONTROLLER_IDS + number, (CONTROLLER,), brokers + number)
        for number in itertools.islice(numbers, spec.kafka.nodes - brokers)
    ]


def _nodes(spec: LabSpec, traits: RuntimeTraits, facts: HostFacts, identity: Identity) -> tuple[NodePlan, ...]:
    members = plan_members(spec, identity.removed_controllers)
    return tuple(_node(spec, traits, facts, identity, member) for member in members)


def _node(spec: LabSpec, traits: RuntimeTraits, facts: HostFacts, identity: Identity, member: Member) -> NodePlan:
    container = prefixed_name(spec.name, member.name)
    values = {"state": identity.state, "node": member.name, "container": container}
    return NodePlan(
        name=member.name,
        id=member.id,
        roles=member.roles,
        address=f"{identity.loopback}.{member.number}" if facts.has_loopback_net else "127.0.0.1",
        listeners=_listeners(spec, traits, facts, identity, member),
        data_folder=traits.data_folder.format(**values),
        secrets_folder=traits.secrets_folder.format(**values),
        container=container,
        native_prefix=tuple(word.format(**values) for word in traits.native_prefix),
        rack=_rack(spec, identity, member),
        directory_id=_directory_id(spec, identity, member),
        place=identity.place_of(member.name),
    )


def _rack(spec: LabSpec, identity: Identity, member: Member) -> str:
    """The rack of a broker: that of its place in a swarm, or rack-1, rack-2, rack-3, rack-1 and so on."""
    if BROKER not in member.roles:
        return ""
    place = identity.place_of(member.name)
    if place and place.rack:
        return place.rack
    if spec.kafka.racks == 1:
        return ""
    return f"rack-{(member.number - 1) % spec.kafka.racks + 1}"


def _directory_id(spec: LabSpec, identity: Identity, member: Member) -> str:
    """The id of a voter's data folder, where the cluster begins with it: the same in each plan of the lab."""
    later = member.number - spec.kafka.brokers > identity.initial_controllers > 0
    if spec.kafka.quorum == "static" or CONTROLLER not in member.roles or later:
        return ""
    return derived_id(f"{identity.cluster_id} {member.id}")


def _listeners(
    spec: LabSpec, traits: RuntimeTraits, facts: HostFacts, identity: Identity, member: Member
) -> tuple[Listener, ...]:
    name, number = member.name, member.number
    external, profile = spec.listeners.external, spec.security.profile
    first_external = identity.external_port if external.port == "auto" else external.port
    external_port = first_external + number - 1
    host = _advertised_host(spec, identity, name)
    if traits.own_addresses:
        bind = external_bind = ""
        internal_port, controller_port = INTERNAL_PORT, CONTROLLER_PORT
    else:
        bind, external_bind = name, external.bind
        shift = 2 * (number - 1)
        internal_port, controller_port = identity.internal_port + shift, identity.controller_port + shift
        if facts.has_loopback_net:
            internal_port, controller_port = inner_ports(range(first_external, first_external + spec.kafka.brokers))
    client_protocol = profile.client_protocol
    by_role = {
        BROKER: Listener("INTERNAL", bind, internal_port, f"{name}:{internal_port}", client_protocol),
        CONTROLLER: Listener("CONTROLLER", bind, controller_port, None, profile.controller_protocol),
    }
    for_host = Listener("EXTERNAL", external_bind, external_port, f"{host}:{external_port}", client_protocol)
    behind = identity.proxied_port + number - 1 if external.faults else 0
    if traits.own_addresses and external_port in {INTERNAL_PORT, CONTROLLER_PORT}:
        for_host = replace(for_host, port=INNER_EXTERNAL_PORT, published=behind or external_port)
    elif behind and traits.own_addresses:
        for_host = replace(for_host, published=behind)
    elif behind:
        for_host = replace(for_host, bind="127.0.0.1", port=behind)
    return (*(by_role[role] for role in member.roles), *((for_host,) if BROKER in member.roles else ()))


def _advertised_host(spec: LabSpec, identity: Identity, broker: str) -> str:
    external, place = spec.listeners.external, identity.place_of(broker)
    given = external.advertised_by(broker)
    if given != LOCALHOST:
        return given
    return place.address if place and not external.faults else identity.engine_host or LOCALHOST


def _refuse_unreachable_engine(spec: LabSpec, engine_host: str) -> None:
    if spec.security.profile.requires_login:
        raise SpecError(
            [f"security.protocol: the secrets are files of this machine, and the Docker Engine is on {engine_host}"],
            "run the lab on that machine, or here: --runtime local",
        )
    if spec.listeners.external.faults:
        raise SpecError(
            [f"listeners.external.faults: the proxy is on this machine, and the Docker Engine is on {engine_host}"],
            "remove it, or run the lab on that machine, or here: --runtime local",
        )
    bind = spec.listeners.external.bind
    if bind.startswith("127."):
        problem = f"a port that the engine publishes on {bind} of {engine_host} can't be reached from this machine"
        raise SpecError(
            [f"listeners.external.bind: {problem}"],
            "set bind to 0.0.0.0 or to that machine's address, if its network may see this Kafka; or --runtime local",
        )


def _has_tag(image: str) -> bool:
    return "@" in image or ":" in image.rsplit("/", 1)[-1]


def _texts(config: dict[str, Scalar]) -> tuple[tuple[str, str], ...]:
    return tuple((key, _text(value)) for key, value in sorted(config.items()))


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
