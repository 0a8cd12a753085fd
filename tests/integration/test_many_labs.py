"""Several labs at once."""

import json
import socket
import time

import pytest

from tests.integration import snapshot
from tests.integration.polling import wait_for

pytestmark = pytest.mark.local


def nodes(labctl, *names):
    records = {}
    for name in names:
        for path in labctl.state.glob(f"labs/{name}/nodes/*/pid.json"):
            records[name] = json.loads(path.read_text())
    return records


def test_three_labs_do_not_affect_each_other(labctl):
    """All checks of three labs pass. After `down` of one the others keep pid, start time and an earlier record."""
    starting = [labctl.start("up", "--name", name, "--ports", "auto", "--checks", "quick") for name in "abc"]
    for process in starting:
        _out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert "ready, verified" in err
    kept = nodes(labctl, "b", "c")
    assert len(kept) == 2
    for name in "bc":
        produce = ("kafka-console-producer.sh", "--topic", "orders", "--bootstrap-server", "broker:9092")
        labctl.run("exec", "--name", name, "broker", "--", *produce, input=f"from {name}\n", check=True)
    before = snapshot.take()
    labctl.run("down", "--name", "a", check=True)
    ended = before.processes - snapshot.take().processes  # b and c keep pids and start times
    assert len(ended) == 2, ended  # its broker and its page
    assert nodes(labctl, "b", "c") == kept
    assert {node["pid"] for node in kept.values()} <= {pid for pid, _started, _command in snapshot.take().processes}
    for name in "bc":
        consume = ("kafka-console-consumer.sh", "--topic", "orders", "--bootstrap-server", "broker:9092")
        read = labctl.run("exec", "--name", name, "broker", "--", *consume, "--from-beginning", "--max-messages", "4")
        assert f"from {name}" in read.stdout.splitlines()
    listed = {lab["name"]: lab["state"] for lab in labctl.json("ls")}
    assert listed == {"b": "running", "c": "running"}


@pytest.mark.timeout(300)
def test_ten_labs_started_at_once_by_ten_processes(labctl, record_property):
    """All checks pass, no port or address is used twice, and `down --all` removes ten labs."""
    names = [f"lab{number}" for number in range(10)]
    began = time.monotonic()
    starting = [labctl.start("up", "--name", name, "--ports", "auto", "--checks", "quick") for name in names]
    for process in starting:
        _out, err = process.communicate(timeout=280)
        assert process.returncode == 0, err
        assert "ready, verified" in err
    record_property("seconds for ten", f"{time.monotonic() - began:.1f}")
    labs = [labctl.json("status", "--name", name) for name in names]
    assert len({lab["endpoints"]["external"] for lab in labs}) == 10
    assert len({lab["endpoints"]["ui"] for lab in labs}) == 10
    assert (
        len(
            {json.loads((labctl.state / f"labs/{name}/lab.json").read_text())["identity"]["loopback"] for name in names}
        )
        == 10
    )
    output = labctl.run("down", "--all", check=True).stderr
    assert output.count("removed node broker") == 10


def test_a_port_that_another_lab_has(labctl):
    """`up` exits with 3, names the other lab, and says how to remove it."""
    labctl.run("up", "--name", "first", "--ports", "auto", "--checks", "none", check=True)
    external = labctl.json("status", "--name", "first")["endpoints"]["external"]
    port, pid = external.rpartition(":")[2], nodes(labctl, "first")["first"]["pid"]
    labctl.spec(f"name: second\nlisteners: {{external: {{port: {port}}}}}\nui: {{kind: none}}\n")
    refused = labctl.run("up")
    assert refused.returncode == 3
    assert f"port {port} on 127.0.0.1 is in use by the lab first: java (pid {pid})" in refused.stderr
    assert "try: labctl down --name first, set listeners.external.port in lab.yaml" in refused.stderr


def test_a_chosen_port_that_another_program_takes_first(labctl):
    """`up` chooses another port and reports that, and the checks pass."""
    labctl.spec("listeners: {external: {port: auto}}\nui: {kind: none}\nchecks: quick\n")
    starting = labctl.start("up")
    record = labctl.state / "labs/homework/lab.json"
    wait_for(record.is_file)
    taken = json.loads(record.read_text())["identity"]["external_port"]
    with socket.socket() as other:
        other.bind(("127.0.0.1", taken))
        other.listen()
        _out, err = starting.communicate(timeout=120)
    assert starting.returncode == 0, err
    assert "choosing other ports" in err
    assert labctl.json("status")["endpoints"]["external"] != f"localhost:{taken}"
