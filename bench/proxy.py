"""What the proxy before the brokers costs while it makes no fault."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.labctl import Labctl
from bench.timing import Case
from labctl.kafka.address import split_address
from labctl.kafka.link import Login, open_link
from labctl.kafka.wire import API_VERSIONS
from labctl.lab.reporter import NullReporter
from labctl.runtime.jvm.cache import prepare
from labctl.runtime.jvm.jvm_options import LocalKafka
from labctl.spec.model import default_spec

RECORDS, RECORD_BYTES, RECORDS_PER_SECOND = 50_000, 1000, 10_000  # 10 MB a second
REQUESTS = 500
LIMIT = 120  # seconds
SENT = re.compile(rf"{RECORDS} records sent, ([\d.]+) records/sec")
STRAIGHT, PROXIED = "straight", "through labctl's proxy"
LATENCY_GOAL = 0.001  # seconds more for a request and its response
RATIO_GOAL = 1.05


def proxy_cases(folder: Path, at_end: ExitStack) -> list[Case]:
    """Return the cases: 10 MB a second by Java's producer, and one request after another, with and without the proxy.

    `at_end` removes their labs.
    """
    kafka = prepare(default_spec().kafka.version, NullReporter())
    labs = {}
    for name, faults in ((STRAIGHT, "false"), (PROXIED, "true")):
        labctl = Labctl(folder / f"proxy-{faults}")
        at_end.callback(labctl, "down", "--all")
        labctl.spec(f"listeners: {{external: {{port: auto, faults: {faults}}}}}\nui: {{kind: none}}\nchecks: none\n")
        labctl("up", "--runtime", "local")
        labs[name] = str(json.loads(labctl("status", "--json"))["endpoints"]["external"])
    produce, ask = "Java's producer, 10 MB a second for 5 s, {}", "a request and its response, {}"
    return [
        Case(produce.format(STRAIGHT), partial(_produce, kafka, labs[STRAIGHT])),
        Case(
            produce.format(PROXIED),
            partial(_produce, kafka, labs[PROXIED]),
            peer=produce.format(STRAIGHT),
            goals={"ratio": RATIO_GOAL},
        ),
        Case(ask.format(STRAIGHT), partial(_ask, labs[STRAIGHT])),
        Case(
            ask.format(PROXIED),
            partial(_ask, labs[PROXIED]),
            peer=ask.format(STRAIGHT),
            goals={"s more": LATENCY_GOAL},
        ),
    ]


def _produce(kafka: LocalKafka, bootstrap: str) -> float:
    """Return the seconds in which the producer's records were acknowledged."""
    tool = [str(kafka.java.executable), "-cp", ":".join(kafka.jars), "org.apache.kafka.tools.ProducerPerformance"]
    sizes = ["--num-records", str(RECORDS), "--record-size", str(RECORD_BYTES), "--throughput", str(RECORDS_PER_SECOND)]
    command = [*tool, "--topic", "orders", *sizes, "--producer-props", f"bootstrap.servers={bootstrap}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=True)
    found = SENT.search(done.stdout)
    if found is None:
        raise RuntimeError(f"the producer printed no rate: {done.stdout}{done.stderr}")
    return RECORDS / float(found[1])


def _ask(bootstrap: str) -> float:
    """Return the median seconds of a request, ApiVersions, until its response."""
    times = []
    with open_link(*split_address(bootstrap), Login({}), LIMIT) as link:
        for _ in range(REQUESTS):
            began = time.perf_counter()
            link.exchange(API_VERSIONS, 0)
            times.append(time.perf_counter() - began)
    return statistics.median(times)
