"""The tests of other projects' clients end on a lab as on Kafka without labctl. A run of all writes docs/suites.md.

They have localhost:9092 built in, or expect it. Where another program has that port they are skipped.
"""

import socket
import uuid
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
FURTHER = 4  # runs of the tests that fail on one side alone: some pass by chance, and some have waits of their own
INTRODUCTION = f"""\
# The tests of other projects

Written by a run of the tests (tests/integration/test_other_suites.py): the integration tests of other projects' clients
on a lab with one node and with three, and on Kafka {DEFAULT} with the settings of its archive. Those that fail on both
need a Kafka that is made for them (an authorizer, a broker with the id 0, certificates). A suite in Go that panics ends
early, and is run again for its other tests, up to {GO_RUNS} times.

A test that fails on one side alone is run {FURTHER} times more, on new labs and on new Kafkas in turn. In brackets: how
often it passed then, on a lab and on plain Kafka. One that passed on plain Kafka each time and on no lab is a defect of
labctl. With three brokers many of them pass by chance: they expect that broker 1 leads, or that each broker knows at
once what another one has stored.
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
    """The row of each run: {(project, nodes): row}. All together become the document."""
    rows = {}
    yield rows
    if set(rows) == set(RUNS):
        head = [
            "| suite | nodes | on a lab | on plain Kafka | pass on plain Kafka alone | pass on the lab alone |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        DOCUMENT.write_text("\n".join([INTRODUCTION, *head, *(rows[run] for run in RUNS), ""]))


def _row(project, nodes, first, further):
    """`first` and each of `further` have the outcomes on the lab and on plain Kafka."""
    counts = [Counter(found.values()).items() for found in first]
    cells = [
        *(project, str(nodes)),
        *(", ".join(f"{number} {name}" for name, number in sorted(count)) for count in counts),
        *(_listed(_alone(*pair), further) for pair in (first, first[::-1])),
    ]
    return f"| {' | '.join(cells)} |"


def _listed(names, further):
    sides = tuple(zip(*further, strict=True))
    passes = {name: " and ".join(str(_passed(name, side)) for side in sides) for name in names}
    return ", ".join(f"`{name}` ({passes[name]} of {FURTHER})" for name in sorted(names)) or "none"


def _passed(name, outcomes):
    return sum(found.get(name) == "pass" for found in outcomes)


def _alone(first, second):
    """The tests that pass in the second and not in the first: that fail, are skipped, or have no end."""
    return {name for name, outcome in second.items() if outcome == "pass" and first.get(name) != "pass"}


@pytest.mark.parametrize(("project", "nodes"), RUNS)
def test_a_suite_ends_as_on_plain_kafka(labctl, sources, table, tmp_path, project, nodes):
    """No test passes on plain Kafka each time, and on no lab."""
    suite = next(suite for suite in SUITES if suite.project == project)

    def on_both(only=()):
        return _on_a_lab(labctl, suite, sources, nodes, only), _on_plain_kafka(suite, sources, nodes, only, tmp_path)

    lab, plain = on_both()
    assert "pass" in plain.values()
    doubtful = _alone(lab, plain) | _alone(plain, lab)
    further = [on_both(doubtful) for _ in range(FURTHER)] if doubtful else []
    table[project, nodes] = _row(project, nodes, (lab, plain), further)
    of_lab, of_plain = zip(*further, strict=True) if further else ((), ())
    assert not {name for name in _alone(lab, plain) if not _passed(name, of_lab) and _passed(name, of_plain) == FURTHER}


def _on_a_lab(labctl, suite, sources, nodes, only):
    labctl.spec(
        f"kafka: {{brokers: {nodes}, version: {DEFAULT}}}\nlisteners: {{external: {{port: {FIRST_PORT}}}}}\n"
        "ui: {kind: none}\nchecks: none\n"
    )
    labctl.run("up", check=True)
    outcomes = suite.run(sources, labctl.json("status")["endpoints"]["external"], nodes, only)
    labctl.run("down", check=True)
    return outcomes


def _on_plain_kafka(suite, sources, nodes, only, tmp_path):
    with PlainKafka(DEFAULT, nodes, tmp_path / f"plain-{uuid.uuid4().hex}") as kafka:
        return suite.run(sources, kafka.bootstrap, nodes, only)


@pytest.mark.parametrize("nodes", NODES)
def test_localhost_9092_is_the_lab_inside_and_outside(labctl, sources, nodes):
    """The commands of every text about Kafka work as typed, and the checks pass."""
    labctl.spec(f"kafka: {{brokers: {nodes}}}\nlisteners: {{external: {{port: {FIRST_PORT}}}}}\nui: {{kind: none}}\n")
    labctl.run("up", check=True)
    node = "broker" if nodes == 1 else "broker-1"
    listed = labctl.tool("kafka-topics.sh", "--list", "--bootstrap-server", f"localhost:{FIRST_PORT}", node=node)
    assert "orders" in listed.stdout
