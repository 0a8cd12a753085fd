"""The homework's console steps, walked on a running lab: a topic, records in and out by Kafka's own tools."""

from __future__ import annotations

from dataclasses import replace

from labctl.checks.base import last_words, transcript
from labctl.errors import LabError
from labctl.plan import LabPlan
from labctl.render import container_name
from labctl.runtime.base import Completed, Runtime
from labctl.security import tool_config
from labctl.tools import FOLDER, config_option, in_container, in_node

STEP_SECONDS = 60
ORDERS = ('{"orderid":1001,"amount":599.99}', '{"orderid":1002,"amount":300}')


def walk(plan: LabPlan, runtime: Runtime, topic: str, run: str) -> list[str]:
    """Each step as typed and answered; `run` marks a record. Raises LabError where a step fails, a record is missing.

    The consumer is in a group that was told to start behind the records that are there: it reads those of this run.
    """
    server = ("--bootstrap-server", plan.internal)
    admin = (*server, *_login(plan, "admin", "admin"))
    group = ("--group", f"evidence-{run}")
    records = (f"hello, kafka: run {run}", *ORDERS)
    steps: list[tuple[str, list[str], tuple[str, ...]]] = [
        (
            "a topic with three partitions",
            ["kafka-topics.sh", *admin, "--create", "--if-not-exists", "--topic", "t1", "--partitions", "3"],
            (),
        ),
        (
            "the topics: each partition with its leader and its copies",
            ["kafka-topics.sh", *admin, "--describe", "--exclude-internal"],
            (),
        ),
        (
            "a consumer group that starts behind the records that are there",
            [
                *("kafka-consumer-groups.sh", *admin, *group, "--topic", topic),
                *("--reset-offsets", "--to-latest", "--execute"),
            ],
            (),
        ),
        (
            "three records in",
            ["kafka-console-producer.sh", *server, *_login(plan, "producer"), "--topic", topic],
            records,
        ),
        (
            "the same three out",
            [
                *("kafka-console-consumer.sh", *server, *_login(plan, "consumer"), "--topic", topic, *group),
                *("--max-messages", str(len(records))),
            ],
            (),
        ),
    ]
    said, output = [], b""
    for title, (tool, *arguments), lines in steps:
        stdin = "".join(f"{line}\n" for line in lines).encode() or None
        done = runtime.exec(plan.brokers[0].name, [f"{FOLDER}/{tool}", *arguments], stdin, STEP_SECONDS)
        said.append(f"# {title}\n{transcript(replace(done, argv=_as_typed(plan, done)), stdin)}")
        if done.exit_code != 0:
            how = f"with exit code {done.exit_code}" if done.exit_code is not None else f"not within {STEP_SECONDS} s"
            raise LabError(f"{tool} ended {how}: {last_words(done)}", "labctl check says what is wrong")
        output = done.stdout
    if sorted(output.decode(errors="replace").splitlines()) != sorted(records):
        raise LabError(
            f"the consumer read other records of {topic} than the producer sent", "does another program write there?"
        )
    return said


def _as_typed(plan: LabPlan, done: Completed) -> tuple[str, ...]:
    node = plan.brokers[0]
    compose = plan.runtime.name == "compose"
    return (*(in_container(container_name(plan, node)) if compose else in_node(plan.name, node.name)), *done.argv)


def _login(plan: LabPlan, side: str, user: str = "") -> list[str]:
    if plan.security is None:
        return []
    config = tool_config(user or plan.security.users[0])
    return ["--command-config", config] if user else config_option(side, config, plan.kafka_version)
