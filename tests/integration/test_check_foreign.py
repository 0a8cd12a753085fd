"""`labctl check --bootstrap --container` names the first layer that is broken. A run of all writes docs/check.md."""

import json
import re
import subprocess
import time
from pathlib import Path

import pytest

from labctl.lint.linter import lint
from tests.integration.docker_command import docker
from tests.integration.polling import wait_for

pytestmark = [pytest.mark.docker, pytest.mark.timeout(390)]

FILES = Path(__file__).parent.parent / "compose"
IMAGE = "labctl-test/stock-like:4.4.0"
DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "check.md"
INTRODUCTION = """\
# What `labctl check` finds

`labctl check --bootstrap` examines the name, TCP, TLS, Kafka's response, the login, the metadata, every advertised
address, and which cluster responds there. With `--container` it does so from this machine, from inside the broker's
container, and from another container on its network; it reads a container that has ended too: its settings, its exit
code, its log. `--compose FILE` examines all nodes of a file that runs, `--client-config FILE` has the login. Then the
checks create topics, produce, consume, use a group and a transaction; the first that fails is named with its remedy.
[Which layer was named for 25 faults](check-layers.md).

Written by a run of the tests (tests/integration/test_check_foreign.py). Each Compose file is started, and `labctl check
--bootstrap --container` examines it from this machine, from the broker's container, and from another container on its
network. *The container*: it does not run. *Settings*: all layers work, and a rule of `labctl lint` finds a fault. The
last column is what `labctl lint` finds in the file, the worst first, without starting anything.

| file | exit code | first broken layer | cause that is named | seconds | labctl lint |
| --- | --- | --- | --- | --- | --- |
"""
EXITS = "the container"  # in place of a layer, where it does not run
# file: (exit code, the layer that is broken first, what the cause must say)
CASES = {
    "faulty/acl-without-the-node": (4, "kafka", "the authorizer rejects kafka itself"),
    "faulty/bitnami-names": (4, EXITS, "prefix of bitnami's image"),
    "faulty/bound-to-loopback": (4, "kafka", "OUTER of kafka listens on 127.0.0.1 inside the container only"),
    "faulty/broker-opens-controller": (4, EXITS, "opens the controller's listener CTRL"),
    "faulty/data-beside-volume": (1, "settings", "not to the volume at /var/lib/kafka/data"),
    "faulty/data-of-another-cluster": (4, EXITS, "belongs to cluster .*, and the settings say"),
    "faulty/data-of-root": (4, EXITS, "is root's with mode 0755"),
    "faulty/defaults-dropped": (4, EXITS, "only KAFKA_NUM_PARTITIONS is set"),
    "faulty/half-translated": (4, EXITS, "KAFKA_CFG_CONTROLLER_QUORUM_VOTERS has the prefix"),
    "faulty/health-without-path": (1, "settings", "has no kafka-broker-api-versions.sh on PATH"),
    "faulty/heap-of-a-cleaner": (4, EXITS, "a heap of 128 MB can't hold"),
    "faulty/inner-listener-published": (1, "advertised", "localhost:19094 leads to INNER"),
    "faulty/latest-reader": (0, "", ""),
    "faulty/localhost-for-everybody": (1, "advertised", "from another container"),
    "faulty/map-without-controller": (4, EXITS, "listener CTRL of kafka has no entry"),
    "faulty/offsets-on-three": (1, "settings", "consumer groups can't work"),
    "faulty/other-host-port": (1, "advertised", "sent to localhost:19094, which is not published"),
    "faulty/stranger-answers": (1, "identity", "localhost:19094, which is other's"),
    "faulty/voter-renamed": (4, "kafka", "no service, container or alias is called broker"),
    "sound/bound-to-its-name": (0, "", ""),
    "sound/one-node": (0, "", ""),
}
PORTS = {"faulty/other-host-port": 29094, "faulty/stranger-answers": 29094}


@pytest.fixture(scope="module")
def table():
    """What was found: {file: (exit code, layer, cause, seconds, rules)}. A complete table is written into the docs."""
    rows = {}
    yield rows
    if set(rows) == set(CASES):
        lines = [f"| {name} | {' | '.join(map(str, row))} |\n" for name, row in sorted(rows.items())]
        DOCUMENT.write_text(INTRODUCTION + "".join(lines))


@pytest.fixture
def compose(engine_labctl, stock_like, tmp_path):
    """Run docker compose with a file in a project of its own, which is removed after the test."""
    file = tmp_path / "compose.yml"

    def run(*arguments, text=None, env=None):
        if text:
            own = re.sub(r"^name: .*\n", "name: labctl-test-check\n", text, flags=re.MULTILINE)
            file.write_text(own.replace("apache/kafka:4.4.0", IMAGE))
        return docker("compose", "-f", str(file), *arguments, env=env)

    yield run
    subprocess.run(
        ["docker", "compose", "-f", str(file), "down", "-v", "-t", "1"], capture_output=True, check=False, timeout=100
    )


def settled(container):
    """Whether a container has ended, or its log says that the broker is up or can't reach its quorum."""
    state = docker("container", "inspect", "--format", "{{.State.Status}}", container).strip()
    if state == "exited":
        return True
    log = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=False)
    text = log.stdout + log.stderr
    return bool(re.search(r"Kafka Server started|UnknownHostException|CLUSTER_AUTHORIZATION_FAILED", text))


def first_broken(report):
    """The layer of the first check that failed."""
    for check in report["checks"]:
        if check["status"] == "failed":
            if " from " in check["name"]:
                return check["detail"].partition(":")[0]
            return EXITS if check["name"].startswith("container ") else check["name"].split()[0]
    return ""


@pytest.mark.parametrize("name", CASES)
def test_each_fault_is_named(engine_labctl, compose, table, name):
    """The exit code, the first broken layer, the cause; and it ends within its bounds."""
    text = (FILES / f"{name}.yml").read_text()
    compose("up", "-d", "--pull", "never", text=text)
    container = compose("ps", "-aq", "kafka").strip()
    wait_for(lambda: settled(container), seconds=120)
    if name == "faulty/stranger-answers":
        other = compose("ps", "-aq", "other").strip()
        wait_for(lambda: settled(other), seconds=120)
    if name == "faulty/data-of-another-cluster":
        compose("rm", "-sfv", "kafka")  # with its unnamed volumes, not the named one
        compose("up", "-d", "--pull", "never", env={**engine_labctl.env, "LAB_CLUSTER_ID": "GcdiDV_qwDlSRGQFj7vPDA"})
        container = compose("ps", "-aq", "kafka").strip()
        wait_for(lambda: settled(container), seconds=120)
    code, layer, cause = CASES[name]
    address = f"localhost:{PORTS.get(name, 19094)}"
    began = time.monotonic()
    done = engine_labctl.run(
        "check", "json-records", "consumer-group", "--bootstrap", address, "--container", container, "--json"
    )
    seconds = round(time.monotonic() - began, 1)
    report = json.loads(done.stdout)
    found = report["diagnosis"][0]["cause"] if report["diagnosis"] else ""
    assert (done.returncode, first_broken(report)) == (code, layer), (found, done.stderr)
    assert re.search(cause, found) if cause else not found, found
    rules = [one.rule for one in lint([FILES / f"{name}.yml"], {}).findings if one.level != "info"]
    table[name] = (done.returncode, layer or "none", found.replace("|", "\\|"), seconds, ", ".join(rules) or "clean")


def test_console_tools_use_a_listener_that_is_there(engine_labctl, compose):
    """Nothing listens on port 9092 inside: the tools use the address that was examined there."""
    compose("up", "-d", "--pull", "never", text=(FILES / "faulty" / "localhost-for-everybody.yml").read_text())
    container = compose("ps", "-aq", "kafka").strip()
    wait_for(lambda: settled(container), seconds=120)
    checks = ("check", "host-to-console", "console-to-host", "--bootstrap", "localhost:19094", "--container", container)
    report = json.loads(engine_labctl.run(*checks, "--json").stdout)
    statuses = {check["name"]: check["status"] for check in report["checks"]}
    assert {statuses[name] for name in ("host-to-console", "console-to-host")} == {"passed"}, statuses


def test_a_frozen_broker(engine_labctl, compose):
    """A broker that is paused accepts connections and never responds."""
    compose("up", "-d", "--pull", "never", text=(FILES / "sound" / "one-node.yml").read_text())
    container = compose("ps", "-aq", "kafka").strip()
    wait_for(lambda: settled(container), seconds=120)
    docker("pause", container)
    try:
        done = engine_labctl.run("check", "--bootstrap", "localhost:19094", "--container", container)
    finally:
        docker("unpause", container)
    assert (done.returncode, "is paused" in done.stderr) == (4, True), done.stderr


def test_a_whole_file(engine_labctl, compose, tmp_path):
    """`check --compose FILE` examines every node of a file that is running, and says where none is."""
    text = (FILES / "migrate" / "bitnami-three.fixed.yml").read_text()
    compose("up", "-d", "--pull", "never", text=f"name: x\n{text}")
    file = tmp_path / "compose.yml"
    file.write_text(file.read_text().replace(IMAGE, "apache/kafka:4.4.0"))  # whose family labctl lint knows
    checks = ("check", "json-records", "--compose", file)
    wait_for(lambda: engine_labctl.run(*checks).returncode == 0, seconds=180)
    report = engine_labctl.json(*checks)
    names = [check["name"] for check in report["checks"]]
    assert sum(name.endswith("from this machine") for name in names) == 3
    assert sum(name.startswith("settings of") for name in names) == 3
    compose("down", "-v", "-t", "1")
    gone = engine_labctl.run(*checks)
    assert (gone.returncode, "no container runs kafka-0, kafka-1, kafka-2" in gone.stderr) == (4, True), gone.stderr
