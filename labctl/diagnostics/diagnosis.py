"""From the logs and states of failed nodes to a cause and a remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from labctl.kafka.server_log import last_run
from labctl.known_faults import LOG_FAULTS, STATE_FAULTS, KnownFault
from labctl.results import Diagnosis

JAVA_WARNING = "WARNING: "  # what Java itself prints, about methods of Kafka that it will remove
CAUSE_LINES = 200  # how far below an exception its `Caused by` is searched
_ERROR_LINE = re.compile(r"\b(SEVERE|ERROR|FATAL)\b")
_WARNING_LINE = re.compile(r"\b(WARN|WARNING)\b")
_ROUTINE = re.compile(r"Performing controller activation")  # Kafka logs it as a warning at each lab's first start
_EXCEPTION = re.compile(
    r"^(?:Caused by: |Exception in thread \"[^\"]*\" )?((?:[a-z]\w*\.)+[A-Z]\w*(?:Exception|Error)\b.*)"
)
_FAILED_JVM = re.compile(
    r"^(Error: |Error occurred during initialization of VM|Unrecognized |Invalid |OpenJDK .*warning: INFO: os::commit"
    r"|# There is insufficient memory)"
)


@dataclass(frozen=True, slots=True)
class NodeTrace:
    """What a failed run left of a node: its state by the runtime (running, exited, missing), a reason, and its log.

    `ended` is when it was observed to have ended, in seconds since 1970, or None.
    """

    name: str
    state: str
    reason: str
    log: str
    ended: float | None = None


def diagnose(traces: Iterable[NodeTrace], checks: Iterable[str] = ()) -> Diagnosis | None:
    """Return the known fault of a lab with these nodes and these details of failed checks, or None.

    The node that ended first decides.
    """
    for trace in _most_relevant_first(traces):
        state = f"{trace.state}\n{trace.reason}"
        known = _known(STATE_FAULTS, state) or _known(LOG_FAULTS, _complaints(last_run(trace.log)))
        if known:
            return replace(known, evidence=(f"node {trace.name}: {root_cause(last_run(trace.log))}",))
    return _known(LOG_FAULTS, "\n".join(checks))


def evidence(traces: Iterable[NodeTrace]) -> tuple[str, ...]:
    """Return a line for each node of an unknown fault, the most informative first.

    A running node is quoted only where its log has warnings or errors.
    """
    lines = []
    for trace in _most_relevant_first(traces):
        if trace.state == "missing":
            continue
        log = last_run(trace.log)
        complaints = _complaints(log)
        quoted = root_cause(complaints or log) if complaints or trace.state != "running" else ""
        state = f"{trace.state} ({trace.reason})" if trace.reason else trace.state
        lines.append(f"node {trace.name}, {state}: {quoted}" if quoted else f"node {trace.name}, {state}")
    return tuple(lines)


def root_cause(log: str) -> str:
    """Return the most informative line of a log: the cause of its first exception, its first error, or the last."""
    lines = [line for line in log.splitlines() if not line.startswith(JAVA_WARNING)]
    for number, line in enumerate(lines):
        if _FAILED_JVM.match(line):
            return line.strip()
        if _ERROR_LINE.search(line) or _EXCEPTION.match(line):
            return _deepest_cause(lines[number:]) or line.strip()
    return lines[-1].strip() if lines else "its log is empty"


def _known(faults: tuple[KnownFault, ...], text: str) -> Diagnosis | None:
    for fault in faults:
        match = fault.pattern.search(text) if fault.pattern else None
        if match:
            quoted = [group or "" for group in match.groups()] or [""]
            return Diagnosis(fault.cause.format(*quoted), fault.remedy, fault.name)
    return None


def _most_relevant_first(traces: Iterable[NodeTrace]) -> list[NodeTrace]:
    """Sort ended nodes before others, and the node that ended first before those that ended because of it."""
    return sorted(
        traces, key=lambda trace: (trace.state == "running" and not trace.reason, trace.ended or float("inf"))
    )


def _complaints(log: str) -> str:
    """A log without lines at INFO: Kafka logs its settings there, with the words of many faults."""
    kept = []
    complaint = False  # Kafka's own lines begin with [time]; others are a JVM's
    for line in log.splitlines():
        if not line.startswith((" ", "\t")):  # an indented line continues the line before
            complains = _ERROR_LINE.search(line) or (_WARNING_LINE.search(line) and not _ROUTINE.search(line))
            complaint = not line.startswith("[") or bool(complains)
        if complaint:
            kept.append(line)
    return "\n".join(kept)


def _deepest_cause(lines: list[str]) -> str:
    """The last `Caused by` of the exception that starts here, or the exception itself."""
    cause = ""
    for line in lines[:CAUSE_LINES]:
        match = _EXCEPTION.match(line.strip())
        if match and (not cause or line.startswith("Caused by")):
            cause = match[1]
        elif cause and not line.startswith(("\t", " ", "Caused by")):
            break
    return cause.strip()
