"""The homework's console steps, walked on a running lab: a topic, records in and out by Kafka's own tools."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from labctl.checks.base import last_words, transcript
from labctl.errors import LabError
from labctl.fixed import ADMIN, HOMEWORK_ORDERS
from labctl.plan import LabPlan
from labctl.render import container_name
from labctl.runtime.base import Completed, Runtime
from labctl.security import tool_config
from labctl.tools import FOLDER, config_option, console_producer, in_container, in_node

STEP_SECONDS = 60
CHARACTERS = 100_000  # of one step
FIRST_TOPIC = "t1"


def walk(plan: LabPlan, runtime: Runtime, topic: str, run: str) -> Iterator[str]:
    """Each step as it was typed and answered; `run` marks a record.

    The consumer is in a group that was told to start behind the records that are there: it reads those of this run.
    Raises LabError behind a step that failed, and where a record is missing.
    """
    server = ("--bootstrap-server", plan.internal)
    admin, user = (tool_config(ADMIN), tool_config(plan.security.users[0])) if plan.security else (None, None)
    as_admin = (*server, *(("--command-config", admin) if admin else ()))
    group = ("--group", f"evidence-{run}")
    records = (f"hello, kafka: run {run}", *HOMEWORK_ORDERS)
    steps: list[tuple[str, list[str], tuple[str, ...]]] = [
        (
            "a topic with three partitions",
            [
                *(f"{FOLDER}/kafka-topics.sh", *as_admin, "--create", "--if-not-exists"),
                *("--topic", FIRST_TOPIC, "--partitions", "3"),
            ],
            (),
        ),
        (
            "the topics: each partition with its leader and its copies",
            [f"{FOLDER}/kafka-topics.sh", *as_admin, "--describe", "--exclude-internal"],
            (),
        ),
        (
            "a consumer group that starts behind the records that are there",
            [
                *(f"{FOLDER}/kafka-consumer-groups.sh", *as_admin, *group, "--topic", topic),
                *("--reset-offsets", "--to-latest", "--execute"),
            ],
            (),
        ),
        (
            "three records in",
            console_producer(plan.internal, topic, config=user, kafka_version=plan.kafka_version),
            records,
        ),
        (
            "the same three out",
            [
                *(f"{FOLDER}/kafka-console-consumer.sh", *server, "--topic", topic, *group),
                *("--max-messages", str(len(records)), *config_option("consumer", user, plan.kafka_version)),
            ],
            (),
        ),
    ]
    output = b""
    for title, argv, lines in steps:
        stdin = "".join(f"{line}\n" for line in lines).encode() or None
        done = runtime.exec(plan.brokers[0].name, argv, stdin, STEP_SECONDS)
        said = transcript(replace(done, argv=_as_typed(plan, done)), stdin, CHARACTERS)
        yield f"# {title}\n{said.rstrip()}\n"
        tool = argv[0].removeprefix(f"{FOLDER}/")
        if done.exit_code is None:
            raise LabError(f"{tool} did not end within {STEP_SECONDS} s", "labctl check says what is wrong")
        problem = _problem(done)
        if problem:
            raise LabError(f"{tool} failed: {problem}", "labctl check says what is wrong")
        output = done.stdout
    if sorted(output.decode(errors="replace").splitlines()) != sorted(records):
        raise LabError(
            f"the consumer read other records of {topic} than the producer sent", "does another program write there?"
        )


def _problem(done: Completed) -> str:
    """What went wrong, or "": kafka-consumer-groups.sh and kafka-console-producer.sh end with 0 in any case."""
    if done.exit_code != 0 or b"ERROR" in done.stderr:
        return last_words(done)
    said = done.stdout.decode(errors="replace").strip()
    return said.splitlines()[0] if said.startswith("Error") else ""


def _as_typed(plan: LabPlan, done: Completed) -> tuple[str, ...]:
    node = plan.brokers[0]
    compose = plan.runtime.name == "compose"
    return (*(in_container(container_name(plan, node)) if compose else in_node(plan.name, node.name)), *done.argv)
