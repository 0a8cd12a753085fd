"""Records between files and topics: labctl's load and dump beside Kafka's console tools."""

from __future__ import annotations

import json
import random
import subprocess
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.labctl import Labctl
from bench.timing import Case
from labctl.lab.reporter import NullReporter
from labctl.runtime.jvm.cache import prepare
from labctl.runtime.jvm.jvm_options import LocalKafka
from labctl.spec.model import default_spec

RECORDS, RECORD_BYTES = 200_000, 200
PER_SECOND = 50_000  # the goal
LIMIT = 120  # seconds
IN, OUT = "in", "out"
TOPICS = f"[{{name: {IN}}}, {{name: {OUT}}}]"


def data_cases(folder: Path, at_end: ExitStack) -> list[Case]:
    """Return the cases: a file of records into a topic and back, whole processes. `at_end` removes their lab."""
    kafka = prepare(default_spec().kafka.version, NullReporter())
    labctl = Labctl(folder / "data")
    at_end.callback(labctl, "down", "--all")
    labctl.spec(f"listeners: {{external: {{port: auto}}}}\nui: {{kind: none}}\nchecks: none\ntopics: {TOPICS}\n")
    labctl("up", "--runtime", "local")
    bootstrap = str(labctl.status()["endpoints"]["external"])
    lines, values = folder / "records.jsonl", folder / "values.txt"
    _write(lines, values)
    labctl("load", OUT, str(lines))
    what = f"{RECORDS:,} records of {RECORD_BYTES} B"
    load, dump = f"`labctl load`, {what}", f"`labctl dump`, {what}"
    produce, consume = f"Kafka's console producer, {what}", f"Kafka's console consumer, {what}"
    goal = {"s": RECORDS / PER_SECOND}
    return [
        Case(produce, partial(_produce, kafka, bootstrap, values)),
        Case(load, partial(_load, labctl, lines), peer=produce, goals=goal),
        Case(consume, partial(_consume, kafka, bootstrap, folder / "consumed.txt")),
        Case(dump, partial(_dump, labctl, folder / "dumped.jsonl"), peer=consume, goals=goal),
    ]


def _write(lines: Path, values: Path) -> None:
    """Write the records as JSON Lines with keys, and their values alone."""
    chance = random.Random(1)
    with lines.open("w") as keyed, values.open("w") as plain:
        for number in range(RECORDS):
            order: dict[str, object] = {"orderid": number, "amount": chance.randint(1, 99_999) / 100}
            value = order | {"note": "x" * (RECORD_BYTES - len(_compact(order | {"note": ""})))}
            keyed.write(f"{_compact({'key': f'c{number % 1000}', 'value': value})}\n")
            plain.write(f"{_compact(value)}\n")


_compact = json.JSONEncoder(separators=(",", ":")).encode


def _load(labctl: Labctl, lines: Path) -> None:
    labctl("load", IN, str(lines))


def _dump(labctl: Labctl, target: Path) -> None:
    labctl("dump", OUT, "-o", str(target))
    if (found := _lines(target)) != RECORDS:
        raise RuntimeError(f"labctl dump wrote {found} of {RECORDS} records")


def _produce(kafka: LocalKafka, bootstrap: str, values: Path) -> None:
    """Write with Kafka's console producer, as its script starts it."""
    with values.open("rb") as file:
        _tool(kafka, "org.apache.kafka.tools.ConsoleProducer", "--topic", IN, bootstrap=bootstrap, stdin=file)


def _consume(kafka: LocalKafka, bootstrap: str, target: Path) -> float:
    """Return the seconds of Kafka's console consumer."""
    limits = ("--from-beginning", "--max-messages", str(RECORDS), "--timeout-ms", "60000")
    began = time.perf_counter()
    with target.open("wb") as file:
        main = "org.apache.kafka.tools.consumer.ConsoleConsumer"
        _tool(kafka, main, "--topic", OUT, *limits, bootstrap=bootstrap, stdout=file)
    took = time.perf_counter() - began
    if (found := _lines(target)) != RECORDS:
        raise RuntimeError(f"the console consumer wrote {found} of {RECORDS} records")
    return took


def _tool(kafka: LocalKafka, main: str, *arguments: str, bootstrap: str, **streams: object) -> None:
    command = [str(kafka.java.executable), "-Xmx512M", "-cp", ":".join(kafka.jars), main, *arguments]
    subprocess.run(
        [*command, "--bootstrap-server", bootstrap],
        stderr=subprocess.DEVNULL,
        timeout=LIMIT,
        check=True,
        **{"stdout": subprocess.DEVNULL, **streams},  # type: ignore[call-overload]
    )


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)
