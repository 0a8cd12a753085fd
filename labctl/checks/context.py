"""What a check is given: a Kafka, what is expected of it, and ways into it. Small values, grouped by subject."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from labctl.checks.base import CheckFailed, Skipped, error_summary, transcript
from labctl.kafka.client import KafkaClient, connection_error
from labctl.plan.model import SecurityPlan, ServicePlan, TopicPlan
from labctl.runtime.base import Completed
from labctl.system.waiting import Deadline

TOPIC_PREFIX = "labctl-check-"  # starts the name of everything that a check creates
SETTLE_SECONDS = 5.0  # for what a Kafka is late with that is not known to work, or that somebody else started
TOOL_START_SECONDS = 10  # for the JVM of a console tool, beside the wait itself


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Something that this Kafka does not have, or that labctl does not know of, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class CheckTarget:
    """The Kafka to check, as a client on the host reaches it. `timeout` in seconds, for one wait inside a check.

    `deadline` ends the waits for what a busy machine is late with; None: SETTLE_SECONDS for each.
    """

    bootstrap: str
    client: KafkaClient
    timeout: float
    replication_factor: int = 1  # of the checks' own topics
    deadline: Deadline | None = None
    connection_error: Callable[[str], str | None] = connection_error  # why an address accepts no connection, or None


@dataclass(frozen=True, slots=True)
class ExpectedState:
    """What the plan says of this Kafka. None where no plan says anything."""

    cluster_id: str | None = None
    voters: frozenset[int] | None = None
    topics: tuple[TopicPlan, ...] | None = None
    racks: Mapping[int, str] = field(default_factory=dict)  # {broker: its rack}; empty where the plan has no racks


@dataclass(frozen=True, slots=True)
class ConsoleAccess:
    """Kafka's console tools inside a node: how they run, which version they are, and their client configuration."""

    bootstrap: str  # of the internal listener
    run: Callable[[list[str], bytes | None, float], Completed]
    kafka_version: str | None = None
    config: str | None = None  # a .properties file, as the node sees it; None where no login is required


@dataclass(frozen=True, slots=True)
class WebPage:
    """The web page: its address, its kind (page or kafbat), the lab that it shows, and the key that it requires."""

    url: str
    kind: str = "page"
    lab: str = ""
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ConnectAccess:
    """Kafka Connect in a lab: its plan, and how a program runs where its connectors read and write files."""

    service: ServicePlan
    run: Callable[[list[str], bytes | None, float], Completed]


@dataclass(frozen=True, slots=True)
class SecureLab:
    """What is planned of a lab with security, and who may log in."""

    plan: SecurityPlan
    listeners: Mapping[int, str]  # {broker: HOST:PORT on this machine}
    controllers: tuple[str, ...]  # HOST:PORT inside
    secrets: str  # the folder of the first broker's secrets, as it sees it
    ca: Path
    passwords: Mapping[str, str] = field(repr=False)  # {user: password}
    clients: Mapping[str, KafkaClient]  # {user: its client}
    settings: Mapping[int, Mapping[str, str]]  # {broker: its planned settings}


@dataclass(frozen=True, slots=True)
class LabAccess:
    """What checks may do in a lab of labctl, and nowhere else.

    They stop a broker, learn that a node ended, and remove what killed runs left.
    """

    secure: SecureLab | None = None  # None: plaintext
    # the broker with this id is stopped while the block lasts
    stopped_broker: Callable[[int], AbstractContextManager[None]] | None = None
    lost_node: Callable[[], str] = str  # which node ended that no check stopped, as a sentence; "": none did


@dataclass(frozen=True, slots=True)
class CheckContext:
    """Everything that a check is given."""

    run: str  # identifies this run's records, topics and groups
    target: CheckTarget
    expected: ExpectedState = ExpectedState()
    console: ConsoleAccess | Unavailable = Unavailable("no console tools are known")
    page: WebPage | Unavailable = Unavailable("no web page is known")
    registry: str | Unavailable = Unavailable("no schema registry is known")  # its URL
    connect: ConnectAccess | Unavailable = Unavailable("no Kafka Connect is known")
    lab: LabAccess | None = None  # None: somebody else started this Kafka

    @property
    def client(self) -> KafkaClient:
        """The client on the host."""
        return self.target.client

    @property
    def timeout(self) -> float:
        """Seconds for one wait inside a check."""
        return self.target.timeout

    @property
    def settle(self) -> float:
        """Seconds for what a busy machine is late with: a follower, a new topic."""
        deadline = self.target.deadline
        return min(self.target.timeout, max(SETTLE_SECONDS, deadline.left if deadline else 0.0))

    @property
    def prefix(self) -> str:
        """The start of the name of everything that this run creates."""
        return f"{TOPIC_PREFIX}{self.run}-"

    def topic(self, check: str) -> str:
        """Return the name of the topic that `check` has for itself."""
        return self.prefix + check

    def mark(self, text: str) -> bytes:
        """Return `text` with the id of this run."""
        return f"{text} {self.run}".encode()

    def require_console(self) -> ConsoleAccess:
        """Return the console tools. Raises Skipped where there are none."""
        if isinstance(self.console, Unavailable):
            raise Skipped(self.console.reason)
        return self.console

    def run_console(self, argv: list[str], stdin: bytes | None = None) -> Completed:
        """Run a console tool and return what it printed.

        Raises Skipped where there is none, CheckFailed where it fails, LabError where the runtime can't run it.
        """
        seconds = self.timeout + TOOL_START_SECONDS
        done = self.require_console().run(argv, stdin, seconds)
        tool = argv[0].rsplit("/", 1)[-1]
        if done.exit_code is None:
            raise CheckFailed(f"{tool} did not end within {seconds:.0f} s", transcript(done))
        if done.exit_code != 0:
            raise CheckFailed(f"{tool} ended with exit code {done.exit_code}: {error_summary(done)}", transcript(done))
        return done
