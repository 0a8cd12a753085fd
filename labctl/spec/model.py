"""lab.yaml as the user writes it: its keys and their defaults."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
    model_validator,
)

from labctl.constants import CLUSTER_RESOURCE, DEFAULT_NAME, HOMEWORK_ORDERS, HOMEWORK_TOPIC, LOCALHOST
from labctl.records.json_lines import record_of
from labctl.records.record import RecordData
from labctl.runtime_traits import RUNTIMES
from labctl.security_profiles import PROFILES, SecurityProfile
from labctl.spec.formats import (
    file_name,
    heap_size,
    host_name,
    ipv4_address,
    kafka_version,
    lab_name,
    one_of,
    record_line,
    resource_pattern,
    setting_name,
    topic_name,
    user_name,
)
from labctl.spec.section import PortNumber, Section
from labctl.spec.services import ServicesSpec
from labctl.versions import DEFAULT

MOST_BROKERS = 5
MOST_CONTROLLERS = 5

Settings = dict[Annotated[str, AfterValidator(setting_name)], str | int | float | bool]
Scalar = str | int | float | bool
KeyPath = tuple[str | int, ...]  # of a key or list item
Problem = tuple[KeyPath, str]  # where, and what is wrong


HostName = Annotated[str, AfterValidator(host_name)]
RuntimeName = Annotated[
    str,
    AfterValidator(one_of(["auto", *RUNTIMES])),
    Field(json_schema_extra={"enum": ["auto", *RUNTIMES]}),
]
ProtocolName = Annotated[str, AfterValidator(one_of(list(PROFILES))), Field(json_schema_extra={"enum": [*PROFILES]})]


class KafkaSpec(Section):
    """The Kafka of the lab: version, nodes, memory, settings."""

    version: Annotated[str, AfterValidator(kafka_version)] = Field(DEFAULT, description="the version of Apache Kafka")
    brokers: Annotated[int, Field(ge=1, le=MOST_BROKERS)] = Field(1, description="how many brokers")
    controllers: Literal["combined"] | Annotated[int, Field(ge=1, le=MOST_CONTROLLERS)] = Field(
        "combined", description="combined: every broker is a controller too; 1, 3 or 5: so many isolated controllers"
    )
    quorum: Literal["static", "dynamic"] = Field(
        "static",
        description="static: the settings name the voters; dynamic: `labctl controller add` and `remove` change them",
    )
    placement: Literal["strict", "any"] = Field(
        "strict",
        description="swarm: strict: the loss of one node of the swarm never takes the majority of the voters; "
        "any: it may, where the swarm has too few nodes",
    )
    racks: Annotated[int, Field(ge=1, le=MOST_BROKERS)] = Field(
        1, description="how many racks the brokers are in, in turn; Kafka spreads the replicas of a partition over them"
    )
    heap: Annotated[str, AfterValidator(heap_size)] = Field(
        "512m", description="Java heap of each node: 512m, 2g; a node may use 256 MiB beside it"
    )
    image: str = Field(
        "apache/kafka", min_length=1, description="compose, swarm: the image; without a tag, `:version` is added"
    )
    pull: Literal["missing", "never", "always"] = Field("missing", description="compose, swarm: when to pull the image")
    config: Settings = Field(default_factory=dict, description="more broker settings")

    @property
    def broker_names(self) -> list[str]:
        """The names of the brokers' nodes."""
        return ["broker"] if self.brokers == 1 else [f"broker-{number}" for number in range(1, self.brokers + 1)]

    @property
    def nodes(self) -> int:
        """The number of Kafka processes in the lab."""
        return self.brokers + (0 if self.controllers == "combined" else self.controllers)


class ListenerSpec(Section):
    """The external listener, for clients on the host. Node n gets `port` + n - 1."""

    port: PortNumber | Literal["auto"] = Field(9094, description="first port on the host; auto chooses free ports")
    advertise: HostName | dict[str, HostName] = Field(
        LOCALHOST,
        description="the host name that brokers advertise, or one for each broker: {broker-1: a.example, …}; a swarm's "
        "brokers advertise the address of their own node without it",
    )
    bind: Annotated[str, AfterValidator(ipv4_address)] = Field(
        "127.0.0.1", description="the address on the host that the brokers bind"
    )
    faults: bool = Field(
        False, description="true: a proxy of labctl before each broker, with which `labctl fault` breaks the network"
    )

    def advertised_by(self, broker: str) -> str:
        """Return the host name that the broker called `broker` advertises; localhost where lab.yaml has none."""
        return self.advertise if isinstance(self.advertise, str) else self.advertise.get(broker, LOCALHOST)


class ListenersSpec(Section):
    """The listeners that can be configured."""

    external: ListenerSpec = ListenerSpec()


class RecordSpec(Section):
    """A seed record with a key, headers, a timestamp or a partition: the same as a line of JSON Lines."""

    key: Any = Field(None, description="text; anything else stands for its JSON")
    key_base64: str | None = Field(None, description="the key, where it is binary")
    value: Any = Field(None, description="text, null, or anything else, which stands for its JSON")
    value_base64: str | None = Field(None, description="the value, where it is binary")
    headers: dict[str, Any] | list[dict[str, Any]] | None = Field(
        None, description="{name: value, …}, or a list of {key: name, value: value}"
    )
    timestamp: int | None = Field(None, description="milliseconds since 1970; default: when it is written")
    partition: int | None = Field(None, description="default: by the key")

    @property
    def data(self) -> RecordData:
        """The record."""
        return record_of(self.model_dump())

    @model_validator(mode="after")
    def _require_a_record(self) -> Self:
        record_of(self.model_dump())
        return self

    @model_serializer(mode="wrap")
    def _keys_given(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The keys that lab.yaml has: `value: null` is a record without a value, and no `value` is a mistake."""
        return {key: value for key, value in dump(self).items() if key in self.model_fields_set}


class RecordFileSpec(Section):
    """A file with the seed records of a topic."""

    file: Annotated[str, AfterValidator(file_name)] = Field(
        description="JSON Lines (.jsonl, .ndjson), CSV (.csv), or text with a record a line; in the folder of lab.yaml "
        "or below it"
    )


PLAIN, KEYS = "(plain)", "(keys)"  # no key of lab.yaml has such a name


def _kind(value: object) -> str:
    """The name of the branch of a union that a value is for: pydantic then reports what is wrong in that one alone."""
    return KEYS if isinstance(value, (dict, BaseModel)) else PLAIN


RecordLine = Annotated[str, AfterValidator(record_line)]
SeedRecord = Annotated[Annotated[RecordLine, Tag(PLAIN)] | Annotated[RecordSpec, Tag(KEYS)], Discriminator(_kind)]
SeedRecords = Annotated[
    Annotated[list[SeedRecord], Tag(PLAIN)] | Annotated[RecordFileSpec, Tag(KEYS)], Discriminator(_kind)
]


class TopicSpec(Section):
    """A topic that the lab has from the start."""

    name: Annotated[str, AfterValidator(topic_name)] = Field(
        description="1 to 249 letters, digits, '.', '_' and '-'; no other topic of the lab has it"
    )
    partitions: Annotated[int, Field(ge=1, le=10_000)] = Field(3, description="how many partitions")
    replication_factor: Annotated[int, Field(ge=1)] | None = Field(None, description="default: min(3, brokers)")
    config: Settings = Field(default_factory=dict, description="topic settings")
    records: SeedRecords = Field(
        default_factory=list,
        description="seed records, written once when the topic is created: lines of text, records like "
        "{key: c1, value: {orderid: 1001}}, or {file: orders.jsonl}",
    )

    @property
    def record_file(self) -> str:
        """The file of the seed records; "" where they are in lab.yaml."""
        return self.records.file if isinstance(self.records, RecordFileSpec) else ""

    @property
    def inline_records(self) -> list[RecordData]:
        """The seed records that are in lab.yaml. Lines of text go to partition 0, where they keep their order."""
        if isinstance(self.records, RecordFileSpec):
            return []
        return [
            RecordData(record.encode(), partition=0) if isinstance(record, str) else record.data
            for record in self.records
        ]


Operation = Literal[
    "all",
    "read",
    "write",
    "create",
    "delete",
    "alter",
    "describe",
    "describe_configs",
    "alter_configs",
    "idempotent_write",
    "cluster_action",
]
# of the resource Cluster: org.apache.kafka.security.authorizer.AclEntry
CLUSTER_OPERATIONS = frozenset(
    {"all", "create", "alter", "describe", "describe_configs", "alter_configs", "idempotent_write", "cluster_action"}
)


class AclSpec(Section):
    """What a user may do with one topic, group or transactional id, or with the cluster.

    The pattern `*` means all, `abc*` all with that prefix.
    """

    topic: Annotated[str, AfterValidator(resource_pattern)] | None = Field(
        None, description="a topic's name, or a pattern"
    )
    group: Annotated[str, AfterValidator(resource_pattern)] | None = Field(
        None, description="a consumer group's name, or a pattern"
    )
    transactional_id: Annotated[str, AfterValidator(resource_pattern)] | None = Field(
        None, description="a producer's transactional.id, or a pattern"
    )
    cluster: Literal[True] | None = Field(None, description="true: the cluster itself, for example to create topics")
    allow: Annotated[list[Operation], Field(min_length=1)] = Field(description="what the user may do with it")

    @property
    def resources(self) -> list[tuple[str, str]]:
        """(kind, name) of each resource that is named."""
        named = {
            "topic": self.topic,
            "group": self.group,
            "transactional_id": self.transactional_id,
            "cluster": CLUSTER_RESOURCE if self.cluster else None,
        }
        return [(kind, name) for kind, name in named.items() if name is not None]

    @property
    def resource(self) -> tuple[str, str]:
        """(kind, name) of the resource."""
        return self.resources[0]


class UserSpec(Section):
    """A user, and what it is authorized to do."""

    name: Annotated[str, AfterValidator(user_name)] = Field(
        description="how the user logs in; labctl makes the password"
    )
    acls: list[AclSpec] | None = Field(None, description="default: read and write the lab's topics, use any group")

    def acls_with_defaults(self, topics: list[TopicSpec]) -> list[AclSpec]:
        """Return the user's ACLs, or the default ACLs where lab.yaml has none."""
        if self.acls is not None:
            return self.acls
        return [
            *(AclSpec(topic=topic.name, allow=["read", "write"]) for topic in topics),
            AclSpec(group="*", allow=["read"]),
        ]


class SecuritySpec(Section):
    """Who may log in, and how."""

    protocol: ProtocolName = Field(
        "plaintext", description="plaintext: no encryption, no passwords; sasl_ssl: TLS and SCRAM-SHA-512, with ACLs"
    )
    users: list[UserSpec] | None = Field(None, description="sasl_ssl: who may log in; default: student")

    @property
    def profile(self) -> SecurityProfile:
        """What the protocol means."""
        return PROFILES[self.protocol]

    @property
    def with_defaults(self) -> list[UserSpec]:
        """The users, or the default user where lab.yaml has none."""
        return [UserSpec(name="student")] if self.users is None else self.users


class UiSpec(Section):
    """The web page."""

    kind: Literal["auto", "kafbat", "page", "none"] = Field(
        "auto",
        description="page: labctl's own; kafbat: Kafbat UI, a container beside the nodes; auto: kafbat where the lab "
        "runs in Docker and its image is present or can be pulled, else page",
    )
    port: PortNumber | Literal["auto"] = Field(8088, description="port on the host; auto chooses a free port")
    image: str = Field("ghcr.io/kafbat/kafka-ui:v1.5.0", min_length=1, description="kafbat's image")


HOMEWORK_RECORDS = ["hello, kafka", *HOMEWORK_ORDERS]


def _homework_topics() -> list[TopicSpec]:
    return [TopicSpec(name=HOMEWORK_TOPIC, partitions=3, replication_factor=None, records=[*HOMEWORK_RECORDS])]


class LabSpec(Section):
    """lab.yaml. Without any key it is the homework lab."""

    version: Literal[1] = Field(1, description="the version of this format")
    name: Annotated[str, AfterValidator(lab_name)] = Field(
        DEFAULT_NAME, description="the lab's name: letters, digits and -; each of your labs needs its own"
    )
    runtime: RuntimeName = Field(
        "auto",
        description="compose: in Docker; local: as processes; swarm: on the nodes of a Docker Swarm; auto: compose "
        "where an engine can run it, else local",
    )
    kafka: KafkaSpec = KafkaSpec()
    listeners: ListenersSpec = ListenersSpec()
    security: SecuritySpec = SecuritySpec()
    topics: list[TopicSpec] = Field(
        default_factory=_homework_topics, description="the topics that the lab has from the start"
    )
    services: ServicesSpec = ServicesSpec()
    ui: UiSpec = UiSpec()
    checks: Literal["none", "quick", "full"] = Field(
        "full", description="what `up` checks: quick leaves out the slow checks; none: ready, not verified"
    )
    timeout: Annotated[int, Field(ge=1, le=3600)] = Field(
        120, description="seconds from the start to the end of the checks"
    )

    def is_compacted(self, topic: TopicSpec) -> bool:
        """Return whether Kafka keeps only the newest record of each key of a topic, by its config or the brokers'."""
        policy = topic.config.get("cleanup.policy", self.kafka.config.get("log.cleanup.policy", ""))
        return "compact" in str(policy)

    @property
    def in_swarm(self) -> bool:
        """Whether lab.yaml asks for a runtime whose nodes are spread over a Docker Swarm."""
        return self.runtime in RUNTIMES and RUNTIMES[self.runtime].in_swarm

    @property
    def picks_all_ports(self) -> bool:
        """Whether labctl chooses all its ports among the free ports."""
        fixed = [service.port for service in self.services.wanted.values() if service.port != "auto"]
        page = self.ui.kind == "none" or self.ui.port == "auto"
        return self.listeners.external.port == "auto" and page and not fixed


def default_spec() -> LabSpec:
    """Return the homework lab: what `labctl up` creates without a lab.yaml."""
    return LabSpec()
