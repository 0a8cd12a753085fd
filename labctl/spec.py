"""lab.yaml as the user writes it: its keys, their defaults, and every reason to refuse it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from labctl.errors import SpecError
from labctl.fixed import CONTROLLER_PORT, HOMEWORK_ORDERS, HOMEWORK_TOPIC, INSIDE_PORT, MIN_ISR
from labctl.versions import OLDEST, version_tuple

KeyPath = tuple[str | int, ...]
Mark = tuple[int, int]

HIGHEST_PORT = 65535
VOTERS = (1, 3, 5)
MOST_BROKERS = 5

# What labctl itself decides for every node: set by `kafka.config`, the lab would not be the lab of the plan.
OWNED_SETTINGS = frozenset(
    {
        "advertised.listeners",
        "broker.id",
        "controller.listener.names",
        "controller.quorum.bootstrap.servers",
        "controller.quorum.voters",
        "inter.broker.listener.name",
        "listener.security.protocol.map",
        "listeners",
        "log.dir",
        "log.dirs",
        "metadata.log.dir",
        "node.id",
        "process.roles",
        "security.inter.broker.protocol",
    }
)

# settings of brokers that ask for as many of them: of topics, and of Kafka's own topics
COPIES = ("replication.factor", MIN_ISR, "state.log.min.isr", "state.topic.min.isr")

OWNED_WHERE_SECURE = (
    "allow.everyone.if.no.acl.found",
    "authorizer.",
    "config.providers",
    "listener.name.",
    "sasl.",
    "ssl.",
    "super.users",
)


def _lab_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}", value):
        raise ValueError("a lab's name is 1 to 40 letters, digits and -, and starts with a letter or digit")
    return value


def _topic_name(value: str) -> str:
    # Kafka's own rule: org.apache.kafka.common.internals.Topic
    if value in {".", ".."} or not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", value):
        raise ValueError("a topic's name is 1 to 249 letters, digits, '.', '_' and '-'")
    return value


def _heap(value: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,6}[mg]", value):
        raise ValueError("a heap is a whole number with m or g, like 512m or 2g")
    return value


def _version(value: str) -> str:
    if not re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", value):
        raise ValueError('a Kafka version looks like "4.3.1" (in quotes)')
    if version_tuple(value) < OLDEST:
        raise ValueError(f"labctl knows Kafka from {'.'.join(map(str, OLDEST))} on")
    return value


def _voters(value: int) -> int:
    if value not in VOTERS:
        raise ValueError(f"1, 3 or 5{_even(value)}")
    return value


def _even(voters: int) -> str:
    return f": with {voters} voters no more may fail than with {voters - 1}" if voters in {2, 4} else ""


def _record(value: str) -> str:
    if "\n" in value:
        raise ValueError("a record is one line of text")
    return value


def _host_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", value):
        raise ValueError("a host is a name or an IPv4 address, without scheme or port")
    return value


def _address(value: str) -> str:
    parts = value.split(".")
    if len(parts) != 4 or not all(re.fullmatch(r"[0-9]{1,3}", p) and int(p) <= 255 for p in parts):
        raise ValueError("an address to bind is an IPv4 address, like 127.0.0.1")
    return value


def _user_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,39}", value):
        raise ValueError("a user's name is 1 to 40 letters, digits, '_' and '-', and starts with a letter")
    if re.fullmatch(r"(broker|controller)(-[0-9]+)?|admin|nobody|ANONYMOUS", value):
        raise ValueError("this name is the lab's own; take another")
    return value


def _pattern(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{0,248}\*?", value) or not value:
        raise ValueError("a name, the start of names with * behind it, or * alone")
    return value


def _setting(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", value):
        raise ValueError("a setting's name is letters, digits, '.', '_' and '-'")
    return value


Settings = dict[Annotated[str, AfterValidator(_setting)], str | int | float | bool]
PortNumber = Annotated[int, Field(ge=1, le=HIGHEST_PORT)]
Scalar = str | int | float | bool


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class KafkaSpec(_Section):
    """What Kafka the lab runs, and how much of it."""

    version: Annotated[str, AfterValidator(_version)] = Field("4.3.1", description="the version of Apache Kafka")
    brokers: Annotated[int, Field(ge=1, le=MOST_BROKERS)] = Field(1, description="how many brokers")
    controllers: (
        Literal["combined"] | Annotated[int, AfterValidator(_voters), Field(json_schema_extra={"enum": [1, 3, 5]})]
    ) = Field("combined", description="combined: every broker is a controller too; 1, 3 or 5: nodes of their own")
    heap: Annotated[str, AfterValidator(_heap)] = Field("512m", description="Java heap of each node")
    image: str = Field(
        "apache/kafka", min_length=1, description="compose: the image, without a tag `:version` is added"
    )
    pull: Literal["missing", "never", "always"] = Field("missing", description="compose: when to pull the image")
    config: Settings = Field(default_factory=dict, description="extra broker settings")

    @property
    def nodes(self) -> int:
        """How many processes the lab has."""
        return self.brokers + (0 if self.controllers == "combined" else self.controllers)


class ListenerSpec(_Section):
    """The door for clients on the host. Node n gets `port` + n - 1."""

    port: PortNumber | Literal["auto"] = Field(9094, description="first port on the host; auto picks free ones")
    advertise: Annotated[str, AfterValidator(_host_name)] = Field(
        "localhost", description="the host clients are sent to"
    )
    bind: Annotated[str, AfterValidator(_address)] = Field(
        "127.0.0.1", description="address on the host that is opened"
    )


class ListenersSpec(_Section):
    """The doors of the lab that can be chosen."""

    external: ListenerSpec = ListenerSpec()


class TopicSpec(_Section):
    """A topic that the lab has from the start."""

    name: Annotated[str, AfterValidator(_topic_name)]
    partitions: Annotated[int, Field(ge=1, le=10_000)] = 3
    replication_factor: Annotated[int, Field(ge=1)] | None = Field(None, description="default: min(3, brokers)")
    config: Settings = Field(default_factory=dict, description="topic settings")
    records: list[Annotated[str, AfterValidator(_record)]] = Field(
        default_factory=list, description="first records, written once when the topic is made"
    )


Operation = Literal[
    "all", "read", "write", "create", "delete", "alter", "describe", "describe_configs", "alter_configs"
]


class AclSpec(_Section):
    """What a user may do with one topic, group or transactional id. `*`: with all, `abc*`: with all that start so."""

    topic: Annotated[str, AfterValidator(_pattern)] | None = None
    group: Annotated[str, AfterValidator(_pattern)] | None = None
    transactional_id: Annotated[str, AfterValidator(_pattern)] | None = None
    allow: Annotated[list[Operation], Field(min_length=1)]

    @property
    def resources(self) -> list[tuple[str, str]]:
        """(kind, name) of what it is about."""
        named = {"topic": self.topic, "group": self.group, "transactional_id": self.transactional_id}
        return [(kind, name) for kind, name in named.items() if name is not None]

    @property
    def resource(self) -> tuple[str, str]:
        """(kind, name) of the one thing that it is about."""
        return self.resources[0]


class UserSpec(_Section):
    """A user, and what it may do."""

    name: Annotated[str, AfterValidator(_user_name)]
    acls: list[AclSpec] | None = Field(None, description="default: read and write the lab's topics, use any group")

    def listed(self, topics: list[TopicSpec]) -> list[AclSpec]:
        """Its permissions, the default filled in."""
        if self.acls is not None:
            return self.acls
        return [
            *(AclSpec(topic=topic.name, allow=["read", "write"]) for topic in topics),
            AclSpec(group="*", allow=["read"]),
        ]


class SecuritySpec(_Section):
    """Who is let in, and how."""

    protocol: Literal["plaintext", "sasl_ssl"] = Field(
        "plaintext", description="plaintext: no encryption, no passwords; sasl_ssl: TLS and SCRAM-SHA-512, with ACLs"
    )
    users: list[UserSpec] | None = Field(None, description="sasl_ssl: who may log in; default: student")

    @property
    def listed(self) -> list[UserSpec]:
        """The users, the default filled in."""
        return [UserSpec(name="student")] if self.users is None else self.users


class UiSpec(_Section):
    """The web page."""

    kind: Literal["auto", "kafbat", "page", "none"] = Field(
        "auto",
        description="page: labctl's own; kafbat: Kafbat UI, a container beside the nodes; auto: kafbat where the lab "
        "runs in Docker and its image is there or can be pulled, else page",
    )
    port: PortNumber | Literal["auto"] = Field(8088, description="port on the host; auto picks a free one")
    image: str = Field("ghcr.io/kafbat/kafka-ui:v1.5.0", min_length=1, description="kafbat's image")


HOMEWORK_RECORDS = ["hello, kafka", *HOMEWORK_ORDERS]


def _homework_topics() -> list[TopicSpec]:
    return [TopicSpec(name=HOMEWORK_TOPIC, partitions=3, replication_factor=None, records=HOMEWORK_RECORDS)]


class LabSpec(_Section):
    """lab.yaml. Without any key it is the homework lab."""

    version: Literal[1] = Field(1, description="the version of this format")
    name: Annotated[str, AfterValidator(_lab_name)] = "homework"
    runtime: Literal["auto", "compose", "local"] = "auto"
    kafka: KafkaSpec = KafkaSpec()
    listeners: ListenersSpec = ListenersSpec()
    security: SecuritySpec = SecuritySpec()
    topics: list[TopicSpec] = Field(default_factory=_homework_topics)
    ui: UiSpec = UiSpec()
    checks: Literal["none", "quick", "full"] = "full"
    timeout: Annotated[int, Field(ge=1, le=3600)] = Field(120, description="seconds from start to checked")

    @property
    def picks_all_ports(self) -> bool:
        """Whether every port of it is one that was found free."""
        return self.listeners.external.port == "auto" and (self.ui.kind == "none" or self.ui.port == "auto")


def impossible(spec: LabSpec) -> list[tuple[KeyPath, str]]:
    """The combinations in `spec` that can't work: (path of the key, what is wrong and what to do)."""
    found: list[tuple[KeyPath, str]] = []
    brokers = spec.kafka.brokers
    if spec.kafka.controllers == "combined" and brokers not in VOTERS:
        what = f"combined nodes are 1, 3 or 5{_even(brokers)}; or set kafka.controllers"
        found.append((("kafka", "brokers"), what))
    for i, topic in enumerate(spec.topics):
        policy = topic.config.get("cleanup.policy", spec.kafka.config.get("log.cleanup.policy"))
        if topic.records and "compact" in str(policy):
            what = "a compacted topic takes records with a key, and these have none; take them or the policy out"
            found.append((("topics", i, "records"), what))
        first = next(j for j, other in enumerate(spec.topics) if _collides(other.name, topic.name))
        if first < i:
            found.append(
                (("topics", i, "name"), f"topics[{first}] has this name already ('.' and '_' count as the same)")
            )
    secure = spec.security.protocol != "plaintext"
    if spec.ui.kind == "kafbat" and spec.runtime == "local":
        found.append((("ui", "kind"), "kafbat is a container: runtime compose, or kind page"))
    if spec.ui.kind == "kafbat" and secure:
        found.append(
            (("ui", "kind"), "kafbat would have its password in its environment, for all to see; take kind page")
        )
    owned = [
        key
        for key in sorted(spec.kafka.config)
        if key in OWNED_SETTINGS or (secure and key.startswith(OWNED_WHERE_SECURE))
    ]
    found += [(("kafka", "config", key), "labctl sets this one itself; take it out") for key in owned]
    return found + _too_many_copies(spec) + _security_problems(spec) + _port_clashes(spec)


def _too_many_copies(spec: LabSpec) -> list[tuple[KeyPath, str]]:
    """Copies without a broker each, and more of them in sync than there are."""
    found: list[tuple[KeyPath, str]] = []
    brokers = spec.kafka.brokers
    for key, value in spec.kafka.config.items():
        if key.endswith(COPIES) and _whole(value) > brokers:
            copies = _whole(value)
            found.append((("kafka", "config", key), f"{copies} copies need {copies} brokers, this lab has {brokers}"))
    everywhere = _whole(spec.kafka.config.get(MIN_ISR))
    for i, topic in enumerate(spec.topics):
        if topic.replication_factor is not None and topic.replication_factor > brokers:
            what = f"{topic.replication_factor} copies need {topic.replication_factor} brokers, this lab has {brokers}"
            found.append((("topics", i, "replication_factor"), what))
        copies = topic.replication_factor or min(3, brokers)
        isr = _whole(topic.config.get(MIN_ISR))
        if isr > copies:
            what = f"{isr} in-sync replicas need as many copies, this topic has {copies}"
            found.append((("topics", i, "config", MIN_ISR), what))
        if not isr and copies < everywhere <= brokers:
            what = f"{everywhere} in-sync replicas need as many copies, the topic {topic.name} has {copies}"
            found.append((("kafka", "config", MIN_ISR), what))
    return found


def _whole(value: Scalar | None) -> int:
    """The number that Kafka reads in a setting; 0 where it reads none, which Kafka itself refuses."""
    text = str(value)
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0


def _security_problems(spec: LabSpec) -> list[tuple[KeyPath, str]]:
    """Users that nobody asks for, twice the same one, permissions for nothing."""
    found: list[tuple[KeyPath, str]] = []
    users = spec.security.users or []
    if spec.security.protocol == "plaintext":
        return [(("security", "users"), "with protocol plaintext nobody is asked who they are")] if users else []
    if not spec.security.listed:
        found.append((("security", "users"), "a lab with security needs a user"))
    if "kafka-native" in spec.kafka.image:
        found.append(
            (("kafka", "image"), "kafka-native can't do this: no tools inside, and SASL fails; take apache/kafka")
        )
    topics = [topic.name for topic in spec.topics]
    for i, user in enumerate(users):
        if user.name in [other.name for other in users[:i]]:
            found.append((("security", "users", i, "name"), "there is a user of this name already"))
        for j, acl in enumerate(user.acls or []):
            where: KeyPath = ("security", "users", i, "acls", j)
            if len(acl.resources) != 1:
                found.append((where, "one of topic, group and transactional_id"))
            elif acl.topic is not None and not _names_a_topic(acl.topic, topics):
                what = f"this lab has no such topic; there are {', '.join(topics) or 'none'}, and * for topics to come"
                found.append(((*where, "topic"), what))
    return found


def _names_a_topic(pattern: str, topics: list[str]) -> bool:
    return pattern.endswith("*") or pattern in topics


def _collides(one: str, other: str) -> bool:
    # Topic.hasCollision: metric names can't tell '.' from '_'
    return one.replace(".", "_") == other.replace(".", "_")


def _port_clashes(spec: LabSpec) -> list[tuple[KeyPath, str]]:
    port = spec.listeners.external.port
    if port == "auto":
        return []
    where: KeyPath = ("listeners", "external", "port")
    last = port + spec.kafka.brokers - 1
    if last > HIGHEST_PORT:
        return [(where, f"the brokers' ports would be {port} to {last}, and {HIGHEST_PORT} is the highest there is")]
    found: list[tuple[KeyPath, str]] = []
    inside = [p for p in (INSIDE_PORT, CONTROLLER_PORT) if port <= p <= last]
    if inside:
        what = (
            f"two listeners on port {inside[0]}: the lab uses {INSIDE_PORT} and {CONTROLLER_PORT} inside; take another"
        )
        found.append((where, what))
    if spec.ui.kind != "none" and spec.ui.port != "auto" and port <= spec.ui.port <= last:
        found.append((("ui", "port"), f"two listeners on port {spec.ui.port}: listeners.external has it; take another"))
    return found


def checked_name(name: str) -> str:
    """`name` where a lab may be called so. Raises SpecError."""
    try:
        return _lab_name(name)
    except ValueError as error:
        raise SpecError([f"--name {name}: {error}"]) from None


def default_spec() -> LabSpec:
    """The homework lab: what `labctl up` makes with no lab.yaml."""
    return LabSpec()


def overridden(
    spec: LabSpec,
    *,
    name: str | None = None,
    runtime: str | None = None,
    ports: str | None = None,
    kafka: str | None = None,
    timeout: int | None = None,
    checks: str | None = None,
) -> LabSpec:
    """`spec` with what the command line says instead. Raises SpecError."""
    data = spec.model_dump()
    given = {"name": name, "runtime": runtime, "timeout": timeout, "checks": checks}
    data |= {key: value for key, value in given.items() if value is not None}
    if ports:
        data["listeners"]["external"]["port"] = data["ui"]["port"] = ports
    if kafka:
        data["kafka"]["version"] = kafka
    try:
        changed = LabSpec.model_validate(data)
    except ValidationError as error:
        problems = [("kafka" if "kafka" in path else path[-1], what) for path, what in _reworded(error, data)]
        raise SpecError([f"--{option}: {what}" for option, what in problems]) from None
    wrong = impossible(changed)
    if wrong:
        raise SpecError([f"{_dotted(path)}: {what}" for path, what in wrong])
    return changed


def load_spec(path: Path) -> LabSpec:
    """Read lab.yaml. Raises SpecError with every problem as `FILE:LINE:COLUMN: key: what is wrong`."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError([f"{path}: no such file"], "`labctl init` writes one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError([f"{path}: can't be read: {error}"]) from None
    return parse_spec(text, str(path))


def parse_spec(text: str, source: str = "lab.yaml") -> LabSpec:
    """Read lab.yaml's text; `source` is the file's name in messages. Raises SpecError."""
    tree = _parse_yaml(text, source)
    data = _plain(tree)
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise SpecError([f"{source}:1:1: a lab is a list of keys, like `name: homework`"])
    problems: list[tuple[KeyPath, str]] = []
    spec = None
    for _ in range(20):
        try:
            spec = LabSpec.model_validate(data)
            break
        except ValidationError as error:
            fresh = _reworded(error, data)
            problems += fresh
            for path, _what in fresh:
                _remove(data, path)
    if spec is not None:
        gone = [path for path, _ in problems]
        problems += [(path, what) for path, what in impossible(spec) if not any(path[: len(g)] == g for g in gone)]
    if problems or spec is None:
        located = sorted((_position(tree, path), path, what) for path, what in problems)
        lines = [f"{source}:{line}:{column}: {_dotted(path)}: {what}" for (line, column), path, what in located]
        raise SpecError(lines, "`labctl schema lab` and the comments of `labctl init` tell what there is")
    return spec


def _parse_yaml(text: str, source: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        raise SpecError([f"{source}:{where}: not YAML: {error.problem or error.context}"]) from None
    except YAMLError as error:
        raise SpecError([f"{source}:1:1: not YAML: {error}"]) from None


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node if node is None else str(node)


def _reworded(error: ValidationError, data: Any) -> list[tuple[KeyPath, str]]:
    """One line for each offending key: pydantic's list has one for each branch of a union."""
    found: dict[KeyPath, list[str]] = {}
    for item in error.errors():
        path = _existing(data, item["loc"], missing=item["type"] == "missing")
        what = str(item["msg"]).removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            what = _unknown_key(path)
        elif item["type"] == "missing":
            what = "this key is needed"
        elif item["type"] == "model_type":
            what = "should hold keys of its own, like `key: value`"
        known = found.setdefault(path, [])
        if what not in known:
            known.append(what)
    return [(path, " or ".join(whats).replace("Input should", "should")) for path, whats in found.items()]


def _unknown_key(path: KeyPath) -> str:
    model: type[BaseModel] = LabSpec
    for step in path[:-1]:
        if isinstance(step, str):
            model = next(_sections(model.model_fields[step].annotation))
    names = list(model.model_fields)
    import difflib

    near = difflib.get_close_matches(str(path[-1]), names, 1)
    return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; there are {', '.join(names)}"


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in `annotation`: in list[TopicSpec] | None it is TopicSpec."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _sections(part)


def _existing(data: Any, loc: tuple[Any, ...], *, missing: bool) -> KeyPath:
    """The longest start of `loc` that is in `data`; pydantic adds the names of union branches behind it."""
    path: list[str | int] = []
    for step in loc:
        if (isinstance(data, dict) and step in data) or (
            isinstance(data, list) and isinstance(step, int) and step < len(data)
        ):
            data = data[step]
            path.append(step)
        else:
            break
    return (*path, str(loc[-1])) if missing else tuple(path)


def _remove(data: Any, path: KeyPath) -> None:
    """Take what is wrong at `path` out of `data`, or put something harmless there, so that the rest can be read."""
    parent = data
    for step in path[:-1]:
        parent = parent[step]
    last = path[-1]
    if isinstance(parent, list) or (last in {"name", "allow"} and len(path) > 1):
        parent[last] = _harmless(path)
    else:
        parent.pop(last, None)


def _harmless(path: KeyPath) -> Any:
    """What may stand at `path`: in a list each item keeps its number."""
    kind = next(step for step in reversed(path) if isinstance(step, str))
    name = f"labctl-unnamed-{'-'.join(str(step) for step in path if isinstance(step, int))}"
    permission = {"group": "*", "allow": ["read"]}
    item = {"topics": {"name": name}, "users": {"name": name}, "acls": permission, "allow": "read"}
    whole = {"name": name, "allow": ["read"]}
    return (item if isinstance(path[-1], int) else whole).get(kind, "")


def _position(tree: Any, path: KeyPath) -> Mark:
    """Line and column (from 1) of the key or list item at `path`, or of the last one that is there."""
    where = (tree.lc.line, tree.lc.col) if hasattr(tree, "lc") else (0, 0)
    for step in path:
        marks = getattr(tree, "lc", None)
        if marks is None or (step not in tree if isinstance(step, str) else step >= len(tree)):
            break
        where = marks.item(step) if isinstance(step, int) else marks.key(step)
        tree = tree[step]
    return where[0] + 1, where[1] + 1


def _dotted(path: KeyPath) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text or "lab"
