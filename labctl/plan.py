"""Every decision about a lab, made once: LabSpec + HostFacts + Identity -> LabPlan. Nothing here looks at the world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.errors import HostError, SpecError
from labctl.fixed import CONTROLLER_PORT, HOMEWORK_TOPIC, INSIDE_PORT, MIN_ISR

if TYPE_CHECKING:  # who only gets a plan needs no pydantic: the lab page loads in half the time
    from labctl.spec import AclSpec, LabSpec, Scalar

DEFAULT_NAME = "homework"
MEBIBYTE = 1024 * 1024
# security.protocol of lab.yaml: Kafka's for clients and brokers, and among controllers
PROTOCOLS = {"plaintext": ("PLAINTEXT", "PLAINTEXT"), "sasl_ssl": ("SASL_SSL", "SSL")}
BROKER, CONTROLLER = "broker", "controller"  # process.roles
CONTROLLER_IDS = 100  # controllers of their own count from 101, brokers from 1: neither renames the other
# A node's memory beside its heap, measured (docs/design.md): metaspace, code, threads, page cache of its own.
MEMORY_BESIDE_HEAP = 256 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What was seen of this machine. Memory in bytes."""

    system: str  # platform.system(): Linux, Darwin
    cpus: int
    memory_total: int
    memory_available: int

    @property
    def has_loopback_net(self) -> bool:
        """All of 127.0.0.0/8 can be bound on Linux; macOS has 127.0.0.1 alone."""
        return self.system == "Linux"


@dataclass(frozen=True, slots=True)
class Choice:
    """A decision and why it fell."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What is random about a lab or found free on this machine: made once by store.py, kept with the lab."""

    cluster_id: str
    state: str  # folder of the lab's data
    loopback: str  # first three numbers of the lab's own /24, like 127.77.5
    inside_port: int  # of the first node; 9092 wherever each node has an address of its own
    controller_port: int
    external_port: int
    engine: str = ""  # DOCKER_HOST=… or DOCKER_CONTEXT=…: the Docker Engine that the lab was made on
    engine_host: str = ""  # the machine of a remote Docker Engine; "": this one
    ui_port: int = 0
    ui: Choice | None = None  # the web page that `auto` came to; None: labctl's own


@dataclass(frozen=True, slots=True)
class Listener:
    """One door of a node, in Kafka's three spellings: name, what is bound, what clients are sent to."""

    name: str  # INTERNAL, EXTERNAL, CONTROLLER
    bind: str  # "" binds every address of the node
    port: int
    advertised: str | None  # HOST:PORT; None on a controller's door, which advertises nothing
    protocol: str


@dataclass(frozen=True, slots=True)
class NodePlan:
    """One Kafka process."""

    name: str
    id: int
    roles: tuple[str, ...]
    address: str  # local runtime: the loopback address of the inside names
    listeners: tuple[Listener, ...]

    def listener(self, name: str) -> Listener:
        """The listener called `name`. Raises StopIteration where the node has none."""
        return next(one for one in self.listeners if one.name == name)


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """One topic as it must be found."""

    name: str
    partitions: int
    replication_factor: int
    config: tuple[tuple[str, str], ...]
    records: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class AclPlan:
    """One permission, in Kafka's words."""

    user: str
    resource: str  # topic, group, transactional_id
    pattern: str  # literal, prefixed
    name: str
    operation: str


@dataclass(frozen=True, slots=True)
class SecurityPlan:
    """Who is let in, and what each may do."""

    users: tuple[str, ...]
    acls: tuple[AclPlan, ...]


@dataclass(frozen=True, slots=True)
class UiPlan:
    """The web page: page (labctl's own), kafbat or none; its port on this machine; why that one, or none."""

    kind: str
    port: int | None
    reason: str
    image: str = ""  # kafbat's
    host: str = "localhost"  # another program could be behind localhost's ::1: where a key goes, 127.0.0.1

    @property
    def url(self) -> str | None:
        """Where people look at it."""
        return f"http://{self.host}:{self.port}" if self.port else None


@dataclass(frozen=True, slots=True)
class LabPlan:
    """A lab, decided. Same spec, facts and identity: the same plan."""

    name: str
    runtime: Choice
    kafka_version: str
    image: str
    pull: str
    heap: str
    bind: str
    cluster_id: str
    state: str
    engine: str
    engine_host: str
    nodes: tuple[NodePlan, ...]
    topics: tuple[TopicPlan, ...]
    broker_config: tuple[tuple[str, str], ...]
    security: SecurityPlan | None  # None: plaintext, nobody is asked who they are
    ui: UiPlan
    checks: str
    timeout: int

    @property
    def main_topic(self) -> str:
        """The one that examples are about: the first, or the homework's where the lab has none."""
        return self.topics[0].name if self.topics else HOMEWORK_TOPIC

    @property
    def node_names(self) -> list[str]:
        """The names of all nodes."""
        return [node.name for node in self.nodes]

    @property
    def brokers(self) -> tuple[NodePlan, ...]:
        """The nodes that hold records."""
        return tuple(node for node in self.nodes if BROKER in node.roles)

    @property
    def voters(self) -> tuple[NodePlan, ...]:
        """The nodes of the metadata quorum."""
        return tuple(node for node in self.nodes if CONTROLLER in node.roles)

    @property
    def external(self) -> str:
        """What a client on the host takes as bootstrap.servers."""
        return ",".join(_advertised(node, "EXTERNAL") for node in self.brokers)

    @property
    def published(self) -> str:
        """Where the host finds the brokers whatever they advertise: labctl's own way in."""
        host = self.engine_host or ("127.0.0.1" if self.bind in {"0.0.0.0", "::"} else self.bind)  # noqa: S104
        return ",".join(f"{host}:{node.listener('EXTERNAL').port}" for node in self.brokers)

    @property
    def internal(self) -> str:
        """What a client inside takes as bootstrap.servers."""
        return ",".join(_advertised(node, "INTERNAL") for node in self.brokers)

    @property
    def internal_copies(self) -> int:
        """Replication factor of Kafka's own topics."""
        return default_copies(len(self.brokers))


def _advertised(node: NodePlan, listener: str) -> str:
    address = node.listener(listener).advertised
    if address is None:
        raise ValueError(f"{listener} of {node.name} advertises nothing")
    return address


def make_plan(spec: LabSpec, runtime: Choice, facts: HostFacts, identity: Identity) -> LabPlan:
    """Decide everything about the lab. Raises SpecError where its door can't be open."""
    if identity.engine_host:
        _refuse_closed_door(spec, identity.engine_host)
    return LabPlan(
        name=spec.name,
        runtime=runtime,
        kafka_version=spec.kafka.version,
        image=image_name(spec),
        pull=spec.kafka.pull,
        heap=spec.kafka.heap,
        bind=spec.listeners.external.bind,
        cluster_id=identity.cluster_id,
        state=identity.state,
        engine=identity.engine,
        engine_host=identity.engine_host,
        nodes=_nodes(spec, runtime.name, facts, identity),
        topics=plan_topics(spec),
        broker_config=_texts(spec.kafka.config),
        security=_security(spec),
        ui=_ui(spec, runtime, identity),
        checks=spec.checks,
        timeout=spec.timeout,
    )


def _ui(spec: LabSpec, runtime: Choice, identity: Identity) -> UiPlan:
    chosen = identity.ui or Choice("page", "the lab page")
    if spec.ui.kind == "none":
        return UiPlan("none", None, "the lab has no web page")
    port = identity.ui_port if spec.ui.port == "auto" else spec.ui.port
    secure = spec.security.protocol != "plaintext"
    kind = chosen.name if spec.ui.kind == "auto" else spec.ui.kind
    if kind == "kafbat" and runtime.name == "compose" and not secure and not identity.engine_host:
        return UiPlan(
            "kafbat", port, chosen.reason if spec.ui.kind == "auto" else "Kafbat UI, asked for", spec.ui.image
        )
    return UiPlan("page", port, "the lab page", host="127.0.0.1" if secure else "localhost")


def image_name(spec: LabSpec) -> str:
    """The image of the compose runtime: Kafka's version is its tag unless a tag or digest is given."""
    return spec.kafka.image if _has_tag(spec.kafka.image) else f"{spec.kafka.image}:{spec.kafka.version}"


def plan_topics(spec: LabSpec) -> tuple[TopicPlan, ...]:
    """The topics of the lab, every default filled in."""
    return tuple(
        TopicPlan(
            name=topic.name,
            partitions=topic.partitions,
            replication_factor=(copies := topic.replication_factor or default_copies(spec.kafka.brokers)),
            config=_texts(_in_sync_config(copies, spec) | topic.config),
            records=tuple(topic.records),
        )
        for topic in spec.topics
    )


def _security(spec: LabSpec) -> SecurityPlan | None:
    if spec.security.protocol == "plaintext":
        return None
    users = spec.security.listed
    acls = {acl for user in users for one in user.listed(spec.topics) for acl in _acls(user.name, one)}
    return SecurityPlan(tuple(user.name for user in users), tuple(sorted(acls)))


def _acls(user: str, acl: AclSpec) -> list[AclPlan]:
    """One for each operation. `*` alone is Kafka's own name for all, `abc*` all that start so."""
    resource, name = acl.resource
    prefixed = name != "*" and name.endswith("*")
    pattern = "prefixed" if prefixed else "literal"
    return [AclPlan(user, resource, pattern, name.removesuffix("*") if prefixed else name, one) for one in acl.allow]


def default_copies(brokers: int) -> int:
    """Replication factor where nothing else is asked for."""
    return min(3, brokers)


def enough_in_sync(copies: int) -> int:
    """min.insync.replicas of a topic with `copies`: one may be missing."""
    return max(1, copies - 1)


def _in_sync_config(copies: int, spec: LabSpec) -> dict[str, Scalar]:
    """Kafka's own default of 1 would let an acknowledged record die with its leader."""
    needless = enough_in_sync(copies) == 1 or MIN_ISR in spec.kafka.config
    return {} if needless else {MIN_ISR: enough_in_sync(copies)}


def _nodes(spec: LabSpec, runtime: str, facts: HostFacts, identity: Identity) -> tuple[NodePlan, ...]:
    """The brokers, then the controllers where they are nodes of their own."""
    combined = spec.kafka.controllers == "combined"
    roles = (BROKER, CONTROLLER) if combined else (BROKER,)
    brokers = spec.kafka.brokers
    names = ["broker"] if brokers == 1 else [f"broker-{number}" for number in range(1, brokers + 1)]
    members = [(name, number, roles) for number, name in enumerate(names, 1)]
    controllers = range(1, spec.kafka.nodes - brokers + 1)
    members += [(f"controller-{n}", CONTROLLER_IDS + n, (CONTROLLER,)) for n in controllers]
    return tuple(_node(spec, runtime, facts, identity, place, *member) for place, member in enumerate(members, 1))


def _node(
    spec: LabSpec,
    runtime: str,
    facts: HostFacts,
    identity: Identity,
    place: int,
    name: str,
    number: int,
    roles: tuple[str, ...],
) -> NodePlan:
    """One node; `place` counts the lab's nodes from 1 and chooses addresses and ports."""
    door = spec.listeners.external
    external_port = (identity.external_port if door.port == "auto" else door.port) + place - 1
    inside_port, controller_port = identity.inside_port, identity.controller_port
    advertised = door.advertise if door.advertise != "localhost" else identity.engine_host or "localhost"
    if runtime == "compose":
        inside = everywhere = ""
        inside_port, controller_port = INSIDE_PORT, CONTROLLER_PORT
    else:
        inside, everywhere = name, door.bind
    if runtime == "local" and not facts.has_loopback_net:
        inside_port, controller_port = inside_port + 2 * (place - 1), controller_port + 2 * (place - 1)
    for_clients, for_controllers = PROTOCOLS[spec.security.protocol]
    doors = {
        BROKER: (Listener("INTERNAL", inside, inside_port, f"{name}:{inside_port}", for_clients),),
        CONTROLLER: (Listener("CONTROLLER", inside, controller_port, None, for_controllers),),
    }
    outside = (Listener("EXTERNAL", everywhere, external_port, f"{advertised}:{external_port}", for_clients),)
    return NodePlan(
        name=name,
        id=number,
        roles=roles,
        address=f"{identity.loopback}.{place}" if facts.has_loopback_net else "127.0.0.1",
        listeners=(*(listener for role in roles for listener in doors[role]), *(outside if BROKER in roles else ())),
    )


def _refuse_closed_door(spec: LabSpec, engine_host: str) -> None:
    if spec.security.protocol != "plaintext":
        raise SpecError(
            [f"security.protocol: the secrets lie in files of this machine, and the Docker Engine is on {engine_host}"],
            "run the lab on that machine, or here: --runtime local",
        )
    bind = spec.listeners.external.bind
    if bind.startswith("127."):
        problem = (
            f"listeners.external.bind: the Docker Engine is on {engine_host}, and a port that it publishes on {bind} "
            "of that machine can't be reached from here"
        )
        raise SpecError(
            [problem],
            "set bind to 0.0.0.0 or to that machine's address, if its network may see this Kafka; or --runtime local",
        )


def refuse_too_little_memory(plan: LabPlan, facts: HostFacts) -> None:
    """Raise HostError where the lab's nodes, which don't run yet, would not find the memory that they need."""
    needed = len(plan.nodes) * (heap_bytes(plan.heap) + MEMORY_BESIDE_HEAP)
    if needed > facts.memory_available and not plan.engine_host:
        raise HostError(
            f"this lab needs {needed // MEBIBYTE} MiB of memory ({len(plan.nodes)} x heap {plan.heap} and "
            f"{MEMORY_BESIDE_HEAP // MEBIBYTE} MiB beside it), {facts.memory_available // MEBIBYTE} MiB are free",
            "end other programs, or take a smaller kafka.heap or fewer nodes",
            "no-memory",
        )


def heap_bytes(heap: str) -> int:
    """`512m` or `2g` in bytes."""
    return int(heap[:-1]) * (MEBIBYTE if heap[-1] == "m" else 1024 * MEBIBYTE)


def _has_tag(image: str) -> bool:
    return "@" in image or ":" in image.rsplit("/", 1)[-1]


def _texts(config: dict[str, Scalar]) -> tuple[tuple[str, str], ...]:
    return tuple((key, _text(value)) for key, value in sorted(config.items()))


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
