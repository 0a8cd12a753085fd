"""What a check is given, and what it may answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from labctl.errors import KafkaFailed, ReadinessTimeout
from labctl.fixed import ADMIN
from labctl.kafka_client import KafkaClient, answers
from labctl.plan import SecurityPlan, TopicPlan
from labctl.runtime.base import Completed
from labctl.waiting import Deadline, NotReady, wait_until

T = TypeVar("T")

EVIDENCE_CHARACTERS = 2000
SETTLE_SECONDS = 5.0  # for what a busy machine is late with: a follower, a copy
TOPIC_PREFIX = "labctl-check-"  # starts the name of everything that a check makes


class CheckFailed(Exception):
    """The lab answered wrongly: what was expected and what came."""

    def __init__(self, detail: str, *evidence: str) -> None:
        super().__init__(detail)
        self.evidence = evidence


class Skipped(Exception):
    """The check can't be asked of this lab, and why."""


@dataclass(frozen=True, slots=True)
class Found:
    """What made the check pass."""

    detail: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SecureLab:
    """What is planned of a lab with security, and who may knock at its doors."""

    plan: SecurityPlan
    doors: Mapping[int, str]  # {broker: HOST:PORT on this machine}
    controllers: tuple[str, ...]  # HOST:PORT inside
    secrets: str  # the folder of the first broker's secrets, as it sees it
    ca: Path
    passwords: Mapping[str, str] = field(repr=False)  # {user: password}
    clients: Mapping[str, KafkaClient]  # {user: its client}
    settings: Mapping[int, Mapping[str, str]]  # {broker: its planned settings}


@dataclass(frozen=True, slots=True)
class CheckContext:
    """A Kafka to be checked, and what is known of it: None where that isn't."""

    run: str  # marks this run's records, topics and groups
    bootstrap: str  # the address on the host
    client: KafkaClient
    seconds: float  # for one wait inside a check
    own: bool = False  # a lab of labctl's: what killed runs left in it is taken away too
    kafka_version: str | None = None
    cluster_id: str | None = None
    voters: frozenset[int] | None = None
    topics: tuple[TopicPlan, ...] | None = None
    inside: str = ""  # the address inside, for the console tools
    tool: Callable[[list[str], bytes | None, float], Completed] | None = None
    no_tool: str = ""  # why there is no `tool`
    page: str | None = None  # the web page's address
    page_kind: str = "page"  # or kafbat
    page_key: str | None = field(default=None, repr=False)  # what it asks for
    lab: str = ""
    no_ui: str = "whether this Kafka has a web page is not known"
    copies: int = field(default=1)  # replication factor of the checks' own topics
    # stops the broker with this id for as long as the block lasts; None where labctl may not
    outage: Callable[[int], AbstractContextManager[None]] | None = None
    secure: SecureLab | None = None  # None: plaintext, or not known
    answers: Callable[[str], str | None] = answers  # why nothing accepts connections at an address, or None

    @property
    def tool_config(self) -> str | None:
        """The file with which console tools inside are let in; None where every one is."""
        return f"{self.secure.secrets}/{ADMIN}.properties" if self.secure else None

    @property
    def prefix(self) -> str:
        """Starts the name of everything that this run makes."""
        return f"{TOPIC_PREFIX}{self.run}-"

    def topic(self, check: str) -> str:
        """The topic that `check` has for itself."""
        return self.prefix + check

    def mark(self, text: str) -> bytes:
        """`text` with this run's mark."""
        return f"{text} {self.run}".encode()

    def console(self, argv: list[str], stdin: bytes | None = None) -> Completed:
        """Run a console tool inside. Raises Skipped where there is no inside, CheckFailed where it ends badly."""
        if self.tool is None:
            raise Skipped(self.no_tool)
        done = self.tool(argv, stdin, self.seconds + 10)
        if done.exit_code is None:
            raise CheckFailed(
                f"{argv[0].rsplit('/', 1)[-1]} did not end within {self.seconds + 10:.0f} s", transcript(done)
            )
        if done.exit_code != 0:
            problem = last_words(done)
            raise CheckFailed(
                f"{argv[0].rsplit('/', 1)[-1]} ended with exit code {done.exit_code}: {problem}", transcript(done)
            )
        return done


def eventually(seconds: float, what: str, probe: Callable[[], T]) -> T:
    """What `probe` answers, once it raises NotReady and KafkaFailed no more. Raises CheckFailed with the last."""

    def ask() -> T:
        try:
            return probe()
        except KafkaFailed as error:
            raise NotReady(error.message) from error

    try:
        return wait_until(ask, what=what, deadline=Deadline.after(seconds)).answer
    except ReadinessTimeout as error:
        raise CheckFailed(error.message) from error


def transcript(done: Completed, stdin: bytes | None = None, limit: int = EVIDENCE_CHARACTERS) -> str:
    """A command as it was typed, and what came back: the first `limit` characters."""
    typed = f"$ {done.command}\n"
    if stdin is not None:
        typed += "".join(f"> {line}\n" for line in stdin.decode(errors="replace").splitlines())
    return (typed + (done.stdout + done.stderr).decode(errors="replace"))[:limit]


def last_words(done: Completed) -> str:
    """The line of a tool's complaint that says most."""
    lines = [line.strip() for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
    exceptions = [line for line in lines if "Exception" in line]
    errors = [line for line in lines if "ERROR" in line]
    return (exceptions or errors or lines or ["it said nothing"])[0][:300]
