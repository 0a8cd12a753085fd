"""A lab, decided: immutable values that everything after the planner works with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from labctl.constants import ADMIN, DEFAULT_NAME, HOMEWORK_TOPIC, INTER_BROKER
from labctl.engine_kinds import DOCKER
from labctl.errors import SpecError
from labctl.records.record import RecordData
from labctl.replication import default_replication_factor
from labctl.security_profiles import SecurityProfile
from labctl.service_kinds import SERVICES

BROKER, CONTROLLER = "broker", "controller"  # process.roles
PAGE_ADDRESS = "127.0.0.1"  # where the web page and the services listen


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What was observed of this machine. Memory in bytes."""

    system: str  # platform.system(): Linux, Darwin
    cpus: int
    memory_total: int
    memory_available: int
    selinux: bool = False  # whether a container may read only files that have its label

    @property
    def has_loopback_net(self) -> bool:
        """Whether all of 127.0.0.0/8 can be bound: on Linux; macOS has 127.0.0.1 alone."""
        return self.system == "Linux"


@dataclass(frozen=True, slots=True)
class Place:
    """The node of a Docker Swarm on which a node of the lab runs, and where its data is. Its id alone is compared."""

    id: str  # in the swarm
    name: str = field(compare=False)  # its host name
    address: str = field(compare=False)  # where clients reach the ports that it publishes
    engine: str = field(default="", compare=False)  # DOCKER_HOST of its engine; "": the manager's
    rack: str = field(default="", compare=False)


Places = tuple[tuple[str, Place], ...]  # (node of the lab, where it runs)


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What was observed of the engine that runs a lab's containers. The defaults are those of a lab without an engine.

    `pin` selects the engine: DOCKER_HOST=… or DOCKER_CONTEXT=…. `host` is the machine where its published ports are, ""
    this machine. `shares_memory`: it is not in a virtual machine, or on another machine, with a memory of its own.
    """

    pin: str = ""
    host: str = ""
    kind: str = DOCKER  # a key of ENGINE_KINDS
    shares_memory: bool = True
    places: Places = ()  # in a swarm
    published: frozenset[int] = frozenset()  # the ports that services of the swarm have


NO_ENGINE = EngineFacts()


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What is random about a lab or was found free on this machine: created once, and kept with the lab."""

    cluster_id: str
    state: str  # folder of the lab's data
    loopback: str  # first three numbers of the lab's own /24 network, like 127.77.5
    internal_port: int  # of the first node; 9092 or 19092 where each node has an address of its own
    controller_port: int
    external_port: int
    engine: str = ""  # this and the next three: EngineFacts of the engine on which the lab was created
    engine_host: str = ""
    engine_kind: str = DOCKER
    engine_shares_memory: bool = True
    ui_port: int = 0
    ui: Decision | None = None  # the web page that `auto` decided on; None: labctl's own
    kafka_version: str = ""  # the Kafka that created the data; "": an earlier labctl did not record it
    initial_controllers: int = 0  # isolated controllers with which the cluster began; 0: all
    removed_controllers: tuple[int, ...] = ()  # numbers of controllers that were removed, which no other gets
    proxied_port: int = 0  # of the first broker behind labctl's proxy; 0: it has none
    places: Places = ()  # in a swarm: the data of each node is there
    service_ports: tuple[tuple[str, int], ...] = ()  # (key of lab.yaml, port) of the services whose port is auto

    def place_of(self, node: str) -> Place | None:
        """Return where a node of the lab runs in a swarm; None elsewhere."""
        return dict(self.places).get(node)


@dataclass(frozen=True, slots=True)
class HostPort:
    """A port of this machine that a lab needs, the key of lab.yaml that sets it, and a description for messages."""

    address: str
    number: int
    key: str
    description: str


@dataclass(frozen=True, slots=True)
class Listener:
    """A listener of a node. `bind` "" means all addresses of the node, `advertised` None that it advertises nothing.

    `port` is the node's own; a container's may be published as another one of this machine: `published`.
    """

    name: str  # INTERNAL, EXTERNAL, CONTROLLER
    bind: str
    port: int
    advertised: str | None  # HOST:PORT
    protocol: str
    published: int = 0  # 0: the same

    @property
    def host_port(self) -> int:
        """The port of this machine; behind labctl's proxy not the one that clients connect to."""
        return self.published or self.port

    @property
    def advertised_port(self) -> int:
        """The port that clients connect to. Raises ValueError where nothing is advertised."""
        if self.advertised is None:
            raise ValueError(f"{self.name} advertises nothing")
        return int(self.advertised.rpartition(":")[2])


@dataclass(frozen=True, slots=True)
class NodePlan:
    """One Kafka process."""

    name: str
    id: int
    roles: tuple[str, ...]
    address: str  # local runtime: the loopback address of its internal name
    listeners: tuple[Listener, ...]
    data_folder: str  # as the node sees it
    secrets_folder: str  # as the node sees it
    container: str  # its name in Docker
    native_prefix: tuple[str, ...]  # what a person types before a command in the node, without labctl; (): not possible
    rack: str = ""  # of a broker; "": the lab has no racks
    directory_id: str = ""  # of a voter since the cluster began, where the quorum is dynamic
    place: Place | None = None  # in a swarm

    @property
    def swarm_node(self) -> str | None:
        """The name of the node of a swarm on which it runs; None elsewhere."""
        return self.place.name if self.place else None

    def listener(self, name: str) -> Listener:
        """Return the listener called `name`. Raises StopIteration where the node has none."""
        return next(listener for listener in self.listeners if listener.name == name)

    def advertised(self, name: str) -> str:
        """Return the advertised HOST:PORT of the listener called `name`. Raises ValueError where there is none."""
        address = self.listener(name).advertised
        if address is None:
            raise ValueError(f"{name} of {self.name} advertises nothing")
        return address


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """One topic as it must be."""

    name: str
    partitions: int
    replication_factor: int
    config: tuple[tuple[str, str], ...]
    records: tuple[RecordData, ...]  # seed records
    record_file: str  # with the seed records, in place of these; ""
    compacted: bool  # whether Kafka keeps only the newest record of each key

    @property
    def has_seeds(self) -> bool:
        """Whether the topic has seed records."""
        return bool(self.records or self.record_file)


@dataclass(frozen=True, slots=True, order=True)
class AclPlan:
    """One ACL that allows something, in Kafka's terms."""

    user: str
    resource: str  # topic, group, transactional_id, cluster
    pattern: str  # literal, prefixed
    name: str
    operation: str

    def __str__(self) -> str:
        """Return it in words: `ann write topic orders`, and `ann write topic ord*` for a prefix."""
        star = "*" if self.pattern == "prefixed" else ""
        return f"{self.user} {self.operation} {self.resource} {self.name}{star}"


@dataclass(frozen=True, slots=True)
class SecurityPlan:
    """Who may log in, how, and what each user is authorized to do."""

    profile: SecurityProfile
    users: tuple[str, ...]
    acls: tuple[AclPlan, ...]

    @property
    def mechanism(self) -> str:
        """sasl.mechanism."""
        return self.profile.mechanism

    @property
    def every_user(self) -> tuple[str, ...]:
        """The users of lab.yaml, and before them those of every secure lab."""
        return (INTER_BROKER, ADMIN, *self.users)


@dataclass(frozen=True, slots=True)
class UiPlan:
    """The web page: page (labctl's own), kafbat or none; its port on this machine; the reason for that kind."""

    kind: str
    port: int | None
    reason: str
    image: str = ""  # kafbat's
    container: str = ""  # kafbat's name in Docker
    container_port: int = 0  # kafbat's, inside its container
    host: str = "localhost"  # another program could listen on localhost's ::1: a key is sent to 127.0.0.1 alone

    @property
    def url(self) -> str | None:
        """The address for a browser, or None where the lab has no page."""
        return f"http://{self.host}:{self.port}" if self.port else None


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """A program beside the nodes, as a schema registry is; it listens on 127.0.0.1 alone."""

    kind: str  # a key of SERVICES
    name: str  # of its log and its container
    port: int  # of this machine
    inner_port: int  # where it listens itself: another one in a container
    path: str  # of its API, below its address
    heap: str
    image: str
    container: str  # its name in Docker
    folder: str  # as it sees it
    plugins: tuple[str, ...] = ()  # of Kafka Connect: maven:GROUP:ARTIFACT:VERSION, or an absolute path
    login_file: str = ""  # with the user and the password that it requires; "": no login

    @property
    def data_folder(self) -> str:
        """Where it keeps its data, as it sees it."""
        return f"{self.folder}/data"

    @property
    def plugin_folder(self) -> str:
        """Where Kafka Connect finds its plugins, as it sees it."""
        return f"{self.folder}/plugins"

    @property
    def curl_file(self) -> str:
        """A configuration of curl with the same login; "" where none is required."""
        return f"{self.login_file}.curl" if self.login_file else ""

    @property
    def url(self) -> str:
        """The address of its API for a client on this machine."""
        return f"http://localhost:{self.port}{self.path}"

    @property
    def inner_url(self) -> str:
        """The address of its API for a container on the lab's network."""
        return f"http://{self.name}:{self.inner_port}{self.path}"


@dataclass(frozen=True, slots=True)
class LabPlan:
    """A lab, decided. Same spec, facts and identity: the same plan."""

    name: str
    runtime: Decision
    kafka_version: str
    image: str
    pull: str
    heap: str
    bind: str
    cluster_id: str
    state: str
    engine: str
    engine_host: str
    engine_kind: str
    engine_shares_memory: bool
    network: str  # of the engine; "": the nodes are no containers
    selinux: bool  # whether this machine has SELinux: containers may read only files that have its label
    dynamic_quorum: bool  # whether voters can be added and removed (KIP-853)
    proxied: bool  # whether clients on this machine reach the brokers through labctl's proxy
    nodes: tuple[NodePlan, ...]
    topics: tuple[TopicPlan, ...]
    broker_config: tuple[tuple[str, str], ...]
    security: SecurityPlan | None  # None: no login is required
    services: tuple[ServicePlan, ...]
    ui: UiPlan
    checks: str
    timeout: int

    @property
    def main_topic(self) -> str:
        """The topic of examples: the first, or the homework's where the lab has none."""
        return self.topics[0].name if self.topics else HOMEWORK_TOPIC

    @property
    def node_names(self) -> list[str]:
        """The names of all nodes."""
        return [node.name for node in self.nodes]

    def service(self, kind: str) -> ServicePlan | None:
        """Return the service of a kind, a key of SERVICES; None where the lab has none."""
        return next((service for service in self.services if service.kind == kind), None)

    @property
    def part_names(self) -> list[str]:
        """The names of all nodes and services: of everything that has a log."""
        return [*self.node_names, *(service.name for service in self.services)]

    def require_part(self, name: str) -> str:
        """Return `name` where a node or a service has it. Raises SpecError, with the names that exist."""
        if name not in self.part_names:
            what = "node or service" if self.services else "node"
            raise SpecError([f"there is no {what} {name}; there are {', '.join(self.part_names)}"])
        return name

    def node(self, name: str) -> NodePlan:
        """Return the node called `name`. Raises SpecError, with the names that exist."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise SpecError([f"there is no node {name}; there are {', '.join(self.node_names)}"])

    @property
    def brokers(self) -> tuple[NodePlan, ...]:
        """The nodes that store records."""
        return tuple(node for node in self.nodes if BROKER in node.roles)

    @property
    def voters(self) -> tuple[NodePlan, ...]:
        """The nodes of the metadata quorum."""
        return tuple(node for node in self.nodes if CONTROLLER in node.roles)

    @property
    def initial_controllers(self) -> str:
        """The first voters of a dynamic quorum, as Kafka's format tool expects them: ID@HOST:PORT:DIRECTORY."""
        return ",".join(
            f"{voter.id}@{voter.name}:{voter.listener('CONTROLLER').port}:{voter.directory_id}"
            for voter in self.voters
            if voter.directory_id
        )

    @property
    def external_addresses(self) -> tuple[str, ...]:
        """The advertised HOST:PORT of each broker's external listener."""
        return tuple(node.advertised("EXTERNAL") for node in self.brokers)

    @property
    def bootstrap(self) -> str:
        """bootstrap.servers for a client on the host."""
        return ",".join(self.external_addresses)

    @property
    def host_addresses(self) -> dict[int, str]:
        """Where this machine reaches each broker by its id, whatever it advertises: for labctl itself."""
        own = self.engine_host or ("127.0.0.1" if self.proxied else own_address(self.bind))
        hosts = {node: node.place.address if node.place else own for node in self.brokers}
        return {node.id: f"{host}:{node.listener('EXTERNAL').host_port}" for node, host in hosts.items()}

    def host_bootstrap(self, brokers: Collection[int] | None = None) -> str:
        """Return bootstrap.servers for labctl itself: of the brokers with these ids, of all where None."""
        found = self.host_addresses
        return ",".join(address for broker, address in found.items() if brokers is None or broker in brokers)

    @property
    def internal_bootstrap(self) -> str:
        """bootstrap.servers for a client inside."""
        return ",".join(node.advertised("INTERNAL") for node in self.brokers)

    @property
    def internal_replication_factor(self) -> int:
        """The replication factor of Kafka's own topics."""
        return default_replication_factor(len(self.brokers))

    def host_ports(self, *, page: bool) -> list[HostPort]:
        """Return the ports of this machine that the lab needs, with `page` that of the web page too."""
        listeners = [node.listener("EXTERNAL") for node in self.brokers]
        own = [node.listener("EXTERNAL").host_port for node in self.brokers if not node.place]
        external = [each.advertised_port for each in listeners] if self.proxied else own
        services = {service.kind: service.port for service in self.services}
        ports = host_ports(self.bind, external, self.ui.port if page else None, services)
        behind = own if self.proxied else []
        return ports + [
            HostPort("127.0.0.1", port, "listeners.external.faults", f"port {port} behind the proxy") for port in behind
        ]


def host_ports(bind: str, external: Sequence[int], page: int | None, services: Mapping[str, int]) -> list[HostPort]:
    """Return the host ports for external listeners, for the page where its port is given, and for services by kind."""
    ports = [HostPort(bind, number, "listeners.external.port", f"port {number} on {bind}") for number in external]
    if page:
        ports.append(HostPort(PAGE_ADDRESS, page, "ui.port", f"port {page} of the lab page"))
    for kind, number in services.items():
        name = SERVICES[kind].title
        ports.append(HostPort(PAGE_ADDRESS, number, f"services.{kind}.port", f"port {number} of {name}"))
    return ports


def loopback_url(url: str) -> str:
    """Return a URL of this machine with the address for its host: others may own the other addresses of localhost."""
    return url.replace("//localhost:", f"//{PAGE_ADDRESS}:", 1)


def own_address(bind: str) -> str:
    """Return the address by which this machine reaches what is bound to `bind`."""
    return "127.0.0.1" if bind in {"0.0.0.0", "::"} else bind  # noqa: S104


def prefixed_name(lab: str, name: str) -> str:
    """Return a name in Docker. The homework says `docker exec broker`: its lab has the plain names, others a prefix."""
    return name if lab == DEFAULT_NAME else f"{lab}-{name}"
