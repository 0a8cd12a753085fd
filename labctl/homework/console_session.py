"""The homework's console session on a running lab: a topic, records written and read with Kafka's own tools."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from labctl.checks.base import error_summary, transcript
from labctl.constants import ADMIN, HOMEWORK_ORDERS, TOOLS_FOLDER
from labctl.errors import LabError
from labctl.kafka.console_tools import config_option, console_producer, exec_prefix
from labctl.kafka.security_settings import tool_config
from labctl.plan.model import LabPlan
from labctl.runtime.base import Completed, Runtime

STEP_SECONDS = 60
CHARACTERS = 100_000  # of the transcript of one step
FIRST_TOPIC = "t1"
REMEDY = "labctl check shows what is wrong"


@dataclass(frozen=True, slots=True)
class Step:
    """A command that a person types in a node, with a title, and the lines that it reads from stdin."""

    title: str
    argv: list[str]
    lines: tuple[str, ...] = ()


def run_session(plan: LabPlan, runtime: Runtime, topic: str, run: str) -> Iterator[str]:
    """Run each step, and yield its transcript; `run` identifies a record.

    The consumer group starts after the existing records, so that it reads those of this run. Raises LabError after a
    step that failed, and where the consumer read other records than the producer sent.
    """
    records = (f"hello, kafka: run {run}", *HOMEWORK_ORDERS)
    output = b""
    for step in _steps(plan, topic, f"evidence-{run}", records):
        stdin = "".join(f"{line}\n" for line in step.lines).encode() or None
        done = runtime.exec(plan.brokers[0].name, step.argv, stdin, STEP_SECONDS)
        text = transcript(replace(done, argv=_as_typed(plan, done)), stdin, CHARACTERS)
        yield f"# {step.title}\n{text.rstrip()}\n"
        _require_success(step.argv[0].removeprefix(f"{TOOLS_FOLDER}/"), done)
        output = done.stdout
    if sorted(output.decode(errors="replace").splitlines()) != sorted(records):
        raise LabError(
            f"the consumer read other records of {topic} than the producer sent", "does another program write there?"
        )


def _steps(plan: LabPlan, topic: str, group_name: str, records: tuple[str, ...]) -> list[Step]:
    server = ("--bootstrap-server", plan.internal_bootstrap)
    admin, user = tool_config(plan, ADMIN), tool_config(plan)
    as_admin = (*server, *(("--command-config", admin) if admin else ()))
    group = ("--group", group_name)
    return [
        Step(
            "create a topic with three partitions",
            [
                *(f"{TOOLS_FOLDER}/kafka-topics.sh", *as_admin, "--create", "--if-not-exists"),
                *("--topic", FIRST_TOPIC, "--partitions", "3"),
            ],
        ),
        Step(
            "describe the topics: each partition with its leader and its replicas",
            [f"{TOOLS_FOLDER}/kafka-topics.sh", *as_admin, "--describe", "--exclude-internal"],
        ),
        Step(
            "create a consumer group that starts after the existing records",
            [
                *(f"{TOOLS_FOLDER}/kafka-consumer-groups.sh", *as_admin, *group, "--topic", topic),
                *("--reset-offsets", "--to-latest", "--execute"),
            ],
        ),
        Step(
            "produce three records",
            console_producer(plan.internal_bootstrap, topic, config=user, kafka_version=plan.kafka_version),
            records,
        ),
        Step(
            "consume the same three records",
            [
                *(f"{TOOLS_FOLDER}/kafka-console-consumer.sh", *server, "--topic", topic, *group),
                *("--max-messages", str(len(records)), *config_option("consumer", user, plan.kafka_version)),
            ],
        ),
    ]


def _require_success(tool: str, done: Completed) -> None:
    """Raise LabError where a step failed. kafka-consumer-groups.sh and kafka-console-producer.sh always end with 0."""
    if done.exit_code is None:
        raise LabError(f"{tool} did not end within {STEP_SECONDS} s", REMEDY)
    output = done.stdout.decode(errors="replace").strip()
    if done.exit_code != 0 or b"ERROR" in done.stderr:
        raise LabError(f"{tool} failed: {error_summary(done)}", REMEDY)
    if output.startswith("Error"):
        raise LabError(f"{tool} failed: {output.splitlines()[0]}", REMEDY)


def _as_typed(plan: LabPlan, done: Completed) -> tuple[str, ...]:
    node = plan.brokers[0]
    return (*(node.native_prefix or exec_prefix(plan.name, node.name)), *done.argv)
