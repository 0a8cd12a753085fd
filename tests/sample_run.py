"""A sample run whose result has everything that a report can show."""

from labctl.results import (
    CheckResult,
    Diagnosis,
    Endpoints,
    ListenerResult,
    MachineResult,
    NodeResult,
    Partition,
    RunResult,
    RuntimeResult,
    StepResult,
    TopicResult,
    UiResult,
)

EVIL = "</pre><script>alert(1)</script> & `|` \x1b[31m\x00"
LISTENERS = (
    ListenerResult("INTERNAL", "PLAINTEXT", "broker", 9092, "broker:9092"),
    ListenerResult("CONTROLLER", "PLAINTEXT", "broker", 9093, None),
    ListenerResult("EXTERNAL", "PLAINTEXT", "127.0.0.1", 9094, "localhost:9094"),
)
RUN = RunResult(
    schema_version=1,
    labctl_version="0.1.0",
    lab="lab",
    command="up",
    runtime=RuntimeResult("local", "requested"),
    kafka_version="4.4.0",
    status="failed",
    started_at="2026-11-23T09:00:00+00:00",
    seconds=3.0,
    nodes=(
        NodeResult(
            "broker",
            1,
            ("broker", "controller"),
            "running",
            "",
            300 << 20,
            LISTENERS,
            {"node.id": "1", "log.dirs": EVIL},
        ),
    ),
    endpoints=Endpoints("localhost:9094", "broker:9092", "http://localhost:8088"),
    ui=UiResult("page", "http://localhost:8088", "running", 50 << 20),
    steps=(
        StepResult("prepare", "passed", 0.5, at=0.0),
        StepResult("ready: quorum", "passed", 0.7, 3, "leader 1", at=0.6),
        StepResult("ready", "passed", 0.9, at=0.6),
        StepResult("checks", "passed", 1.0, at=1.6),
    ),
    checks=(
        CheckResult("topics", "passed", 0.1, "1 as planned", at=1.7),
        CheckResult("console-to-host", "failed", 0.8, EVIL, (f"$ kafka-console-producer.sh\n{EVIL}",), at=1.7),
        CheckResult("quorum", "error", 0.2, "no answer", at=1.8),
        CheckResult("ui", "skipped", 0.0, "the lab has no web page"),
    ),
    diagnosis=(Diagnosis(f"cause {EVIL}", "do this", "", ("node broker: said this",)),),
    topics=(TopicResult("orders", (Partition(0, 1, (1,), (1,)), Partition(1, -1, (1,), ()))),),
    versions={"labctl": "0.1.0", "Kafka": "4.4.0"},
    machine=MachineResult("Linux 6 x86_64", 2, 8 << 30, 4 << 30),
)
