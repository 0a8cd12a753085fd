"""The integration tests of other projects' Kafka clients, run on any Kafka. Their sources come with their packages."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ET
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from labctl.versions import DEFAULT
from tests.integration.other_clients import installed

FRANZ_GO = "github.com/twmb/franz-go@v1.22.3"
KAFKA_GO = "github.com/segmentio/kafka-go@v0.4.51"
CONFLUENT_GO = "github.com/confluentinc/confluent-kafka-go/v2@v2.11.1"
KAFKA_PYTHON = "kafka-python==3.0.12"
SECONDS = 1200
GO_RUNS = 4  # of a suite in Go that panics
# what kafka-python's archive does not have of its own tests: a broker that somebody else started
SERVICE = """
class ExternalService:
    def __init__(self, host, port): pass
    def open(self): pass
    def close(self): pass

class SpawnedService:
    pass
"""

Outcomes = dict[str, str]  # {test: pass, fail or skip}


@dataclass(frozen=True)
class Suite:
    """The tests of a project. `run(folder, bootstrap, brokers, only)` returns their outcomes.

    `folder` is empty at first. `only`: the names of tests; with those that must run before them, and all without names.
    """

    project: str
    run: Callable[[Path, str, int, Collection[str]], Outcomes]


def franz_go(folder: Path, bootstrap: str, brokers: int, only: Collection[str]) -> Outcomes:
    """Run the tests of kgo, a client in Go alone."""
    environment = {"KGO_SEEDS": bootstrap, "KGO_TEST_RF": str(min(3, brokers)), "KGO_TEST_RECORDS": "20000"}
    return _go_test(_module(FRANZ_GO, folder), ["./pkg/kgo", "-run", _pattern(only, "")], environment)


def kafka_go(folder: Path, bootstrap: str, brokers: int, only: Collection[str]) -> Outcomes:
    """Run the tests of kafka-go about topics and connections, which have localhost:9092 built in."""
    assert bootstrap.startswith("localhost:9092")
    pattern = _pattern(only, "^(TestConn|TestDial|TestClient)")
    return _go_test(_module(KAFKA_GO, folder), [".", "-run", pattern], {"KAFKA_VERSION": "2.0"})


def confluent_go(folder: Path, bootstrap: str, brokers: int, only: Collection[str]) -> Outcomes:
    """Run the tests of confluent-kafka-go: librdkafka, the client of C, Python, .NET and others."""
    source = _module(CONFLUENT_GO, folder)
    configuration = {
        "Brokers": bootstrap,
        "TopicName": "test",
        "GroupID": "testgroup",
        "PerfMsgCount": 20_000,
        "PerfMsgSize": 100,
        "Config": ["api.version.request=true"],
    }
    (source / "kafka" / "testconf.json").write_text(json.dumps(configuration))
    # three tests wait minutes for a login that neither Kafka has
    login = "^TestIntegration$/^TestAdminClient_Describe(Cluster|ConsumerGroupsAuthorizedOperations|Topics)$"
    pattern = _pattern(only, "^TestIntegration$")
    return _go_test(source, ["./kafka", "-run", pattern, "-skip", login, "-docker.exists"], {})


def _pattern(only: Collection[str], every: str) -> str:
    """What `go test -run` matches: `every`, or tests by name, to the second level of TEST/TEST/TEST."""
    levels = [name.split("/") for name in only]
    chosen = [sorted({level[depth] for level in levels if len(level) > depth}) for depth in (0, 1)]
    return "/".join(f"^({'|'.join(map(re.escape, names))})$" for names in chosen if names) or every


def kafka_python(folder: Path, bootstrap: str, brokers: int, only: Collection[str]) -> Outcomes:
    """Run the tests of kafka-python, a client in Python alone."""
    source = folder / "kafka-python"
    if not source.exists():
        _unpack_kafka_python(folder, source)
    results = folder / "kafka-python.xml"
    others = ("randomly", "rerunfailures", "labctl", "hypothesispytest")
    plugins = [option for name in others for option in ("-p", f"no:{name}")]
    options = ["-q", "-o", "addopts=", "-o", "log_level=CRITICAL", "--timeout=120", f"--junitxml={results}"]
    results.unlink(missing_ok=True)
    first = bootstrap.split(",", 1)[0]
    variables = {"KAFKA_URI": f"kafka://{first}", "KAFKA_VERSION": DEFAULT, "KAFKA_ROOT": str(source / "kafka-bin")}
    names = " or ".join(name.rpartition(".")[2].partition("[")[0] for name in only)
    subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *options, "-k", names, "test/integration"],
        cwd=source,
        env=os.environ | variables,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    return {
        f"{case.get('classname', '').removeprefix('test.integration.')}.{case.get('name')}": _outcome(case)
        for case in ET.parse(results).iter("testcase")
    }


def _unpack_kafka_python(folder: Path, source: Path) -> None:
    """Put its source archive into `source`, with what the archive leaves out of the tests."""
    options = ("--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(folder))
    pip = [sys.executable, "-m", "pip", "download", *options, KAFKA_PYTHON]
    subprocess.run(pip, check=True, timeout=SECONDS, capture_output=True)
    with tarfile.open(next(folder.glob("kafka_python-*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    next(path for path in folder.glob("kafka_python-*") if path.is_dir()).rename(source)
    (source / "test" / "service.py").write_text(SERVICE)
    (source / "test" / "__init__.py").touch()
    (source / "kafka-bin").mkdir()


def _outcome(case: ET.Element) -> str:
    kinds = {child.tag for child in case}
    return "fail" if kinds & {"failure", "error"} else "skip" if "skipped" in kinds else "pass"


def _module(module: str, folder: Path) -> Path:
    """Return a copy of a Go module's source that can be changed."""
    go = installed("go")
    copy = folder / module.partition("@")[0].replace("/", "-")
    if not copy.exists():
        done = subprocess.run(
            [go, "mod", "download", "-json", module], capture_output=True, text=True, check=True, timeout=SECONDS
        )
        shutil.copytree(json.loads(done.stdout)["Dir"], copy)
        subprocess.run(["chmod", "-R", "u+w", copy], check=True)
    return copy


def _go_test(source: Path, arguments: list[str], environment: dict[str, str]) -> Outcomes:
    """Run tests in Go; again where one of them panics, which ends those after it without an outcome."""
    found: Outcomes = {}
    for _ in range(GO_RUNS):
        outcomes, panicked = _go_test_once(source, arguments, environment)
        found = outcomes | found
        if not panicked:
            break
    return found


def _go_test_once(source: Path, arguments: list[str], environment: dict[str, str]) -> tuple[Outcomes, bool]:
    command = [installed("go"), "test", "-mod=mod", "-json", "-count=1", f"-timeout={SECONDS - 60}s", *arguments]
    done = subprocess.run(
        command,
        cwd=source,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    found = {
        event["Test"]: event["Action"]
        for event in events
        if event.get("Test") and event["Action"] in ("pass", "fail", "skip")
    }
    assert found, done.stdout[-3000:] + done.stderr[-3000:]
    return found, any(event.get("Output", "").startswith("panic: ") for event in events)


SUITES = (
    Suite("franz-go 1.22.3", franz_go),
    Suite("kafka-go 0.4.51", kafka_go),
    Suite("confluent-kafka-go 2.11.1 (librdkafka)", confluent_go),
    Suite("kafka-python 3.0.12", kafka_python),
)
