"""The tests of other projects' clients end on a lab as on Kafka without labctl. A run of all writes docs/suites.md.

They have localhost:9092 built in, or expect it. Where another program has that port they are skipped.
"""

import socket
from collections import Counter
from pathlib import Path

import pytest

from labctl.versions import DEFAULT
from tests.integration.other_suites import GO_RUNS, SUITES
from tests.integration.plain_kafka import FIRST_PORT, PlainKafka

pytestmark = [pytest.mark.local, pytest.mark.network, pytest.mark.timeout(3600)]

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "suites.md"
NODES = (1, 3)
RUNS = [(suite.project, nodes) for nodes in NODES for suite in SUITES]
FURTHER = 2  # runs of a suite in which a test failed on the lab alone: these tests have waits of their own
# {test that may fail on a lab with several brokers alone: why}
BY_CHANCE = "with three brokers it passes one time in three, on any Kafka: it expects broker 1, and Kafka names any"
EXPLAINED = {
    "TestConn/test_retrieve_controller": BY_CHANCE,
    "TestConn/the_connection_advertises_the_broker_that_it_is_connected_to": BY_CHANCE,
    "TestDialer": BY_CHANCE,
    "TestDialer/looking_up_partitions_returns_the_list_of_available_partitions_for_a_topic": BY_CHANCE,
}
INTRODUCTION = f"""\
# The tests of other projects

Written by a run of the tests (tests/integration/test_other_suites.py): the integration tests of other projects' clients
on a lab with one node and with three, and on Kafka {DEFAULT} with the settings of its archive. A test that fails on a
lab and passes there is a defect of labctl, or explained here. Those that fail on both need a Kafka that is made for
them (an authorizer, a broker with the id 0, certificates). A suite in Go that panics ends early, and is run
again for its other tests, up to {GO_RUNS} times.
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Return the folder for the suites' sources."""
    with socket.socket() as probe:
        if probe.connect_ex(("localhost", FIRST_PORT)) == 0:
            pytest.skip(f"another program has the port {FIRST_PORT}")
    return tmp_path_factory.mktemp("suites")


@pytest.fixture(scope="module")
def table():
    """The outcomes of each run: {(project, nodes): (on the lab, on plain Kafka)}. All together become the document."""
    runs = {}
    yield runs
    if set(runs) == set(RUNS):
        rows = [_row(project, nodes, *runs[project, nodes]) for project, nodes in RUNS]
        head = [
            "| suite | nodes | on a lab | on plain Kafka | pass on plain Kafka alone | pass on the lab alone |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        why = [f"- `{name}`: {reason}." for name, reason in EXPLAINED.items()]
        DOCUMENT.write_text("\n".join([INTRODUCTION, *head, *rows, "", *why, ""]))


def _row(project, nodes, lab, plain):
    counts = [Counter(found.values()).items() for found in (lab, plain)]
    alone = [_alone(lab, plain), _alone(plain, lab)]
    cells = [
        project,
        str(nodes),
        *(", ".join(f"{number} {name}" for name, number in sorted(count)) for count in counts),
        *(", ".join(f"`{name}`" for name in sorted(names)) or "none" for names in alone),
    ]
    return f"| {' | '.join(cells)} |"


def _alone(first, second):
    """The tests that pass in the second and not in the first: that fail, are skipped, or have no end."""
    return {name for name, outcome in second.items() if outcome == "pass" and first.get(name) != "pass"}


@pytest.mark.parametrize(("project", "nodes"), RUNS)
def test_a_suite_ends_as_on_plain_kafka(labctl, sources, table, tmp_path, project, nodes):
    """No test fails on the lab alone."""
    suite = next(suite for suite in SUITES if suite.project == project)
    with PlainKafka(DEFAULT, nodes, tmp_path / "plain") as kafka:
        plain = suite.run(sources, kafka.bootstrap, nodes)
    assert "pass" in plain.values()
    labctl.spec(
        f"kafka: {{brokers: {nodes}, version: {DEFAULT}}}\nlisteners: {{external: {{port: {FIRST_PORT}}}}}\n"
        "ui: {kind: none}\nchecks: none\n"
    )
    labctl.run("up", check=True)
    bootstrap = labctl.json("status")["endpoints"]["external"]
    lab = suite.run(sources, bootstrap, nodes)
    explained = set(EXPLAINED) if nodes > 1 else set()
    if _alone(lab, plain) - explained:
        further = [suite.run(sources, bootstrap, nodes) for _ in range(FURTHER)]
        passed = {name for name in plain if all(run.get(name) == "pass" for run in further)}
        lab |= dict.fromkeys(_alone(lab, plain) & passed, "pass")
    table[project, nodes] = (lab, plain)
    assert not _alone(lab, plain) - explained


@pytest.mark.parametrize("nodes", NODES)
def test_localhost_9092_is_the_lab_inside_and_outside(labctl, sources, nodes):
    """The commands of every text about Kafka work as typed, and the checks pass."""
    labctl.spec(f"kafka: {{brokers: {nodes}}}\nlisteners: {{external: {{port: {FIRST_PORT}}}}}\nui: {{kind: none}}\n")
    labctl.run("up", check=True)
    node = "broker" if nodes == 1 else "broker-1"
    listed = labctl.tool("kafka-topics.sh", "--list", "--bootstrap-server", f"localhost:{FIRST_PORT}", node=node)
    assert "orders" in listed.stdout
