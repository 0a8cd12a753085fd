"""The homework with the facts of macOS: 127.0.0.1 is the only loopback address; there is no /proc and no timeout(1)."""

import json
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from labctl.system.ports import is_free
from tests.integration.labs import REAL_HOME, SOURCE
from tests.integration.test_homework import (  # noqa: F401 - each runs here too, on a lab of its own
    test_all_checks_pass,
    test_another_client_writes_and_reads_records,
    test_client_settings_in_every_format,
    test_exec_returns_the_exit_code,
    test_logs_follow,
    test_scripts_work_without_their_folder_and_inside_a_shell,
    test_single_checks_can_be_selected,
    test_stop_and_up_again_keep_the_records_and_the_cluster,
    test_the_checks_of_a_kafka_that_labctl_did_not_create,
    test_the_client_keeps_the_contract,
    test_the_console_commands_of_the_homework_work_unchanged,
    test_the_report_of_up_has_every_step_and_check,
)

pytestmark = [pytest.mark.local, pytest.mark.timeout(300)]

PROGRAMS = ("cat", "env", "sh", "wc")  # all that this machine has on PATH


@pytest.fixture
def labctl(labctl, tmp_path):
    """A labctl on such a machine."""
    if not (is_free("127.0.0.1", 9092) and is_free("127.0.0.1", 9093)):
        pytest.skip("another program has the port 9092 or 9093, and the homework's commands name the first")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in PROGRAMS:
        (programs / name).symlink_to(shutil.which(name))
    cache = labctl.env.get("XDG_CACHE_HOME") or str(REAL_HOME / ".cache")  # where Kafka is prepared already
    fake = f"{SOURCE / 'tests' / 'macos'}:{SOURCE}"
    labctl.env |= {"PYTHONPATH": fake, "PATH": str(programs), "XDG_CACHE_HOME": cache}
    return labctl


@pytest.fixture
def shared(labctl):
    """A lab for one test: two at a time can't both have the ports 9092 and 9093."""
    labctl.spec("listeners: {external: {port: auto}}\nui: {kind: none}\nchecks: quick\n")
    labctl.run("up", check=True)
    labctl.bootstrap = labctl.json("status")["endpoints"]["external"]
    return labctl


@pytest.fixture
def server():
    """A function that listens on an address and returns its port; 0 chooses one."""
    sockets = []

    def listen(address, port=0):
        listening = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        sockets.append(listening)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen()
        return listening.getsockname()[1]

    yield listen
    for listening in sockets:
        listening.close()


def test_the_tests_above_ran_on_such_a_machine(shared):
    """labctl reports macOS, and the nodes share 127.0.0.1: the internal listener has the homework's port there."""
    machine = json.loads(shared.run("report", "--format", "json").stdout)["machine"]
    assert machine["system"].startswith("Darwin")
    assert shared.json("status")["endpoints"]["internal"] == "broker:9092"
    with socket.create_connection(("127.0.0.1", 9092), 5):
        pass
    code = "open('/proc/self/stat')"
    hidden = subprocess.run([sys.executable, "-c", code], env=shared.env, capture_output=True, text=True, check=False)
    assert "FileNotFoundError" in hidden.stderr


def test_an_external_port_that_was_internal(labctl):
    """After `stop`, lab.yaml gives the port 9092 to the external listener; the internal one gets another."""
    text = "listeners: {external: {port: auto}}\nui: {kind: none}\nchecks: quick\n"
    labctl.spec(text)
    labctl.run("up", "--checks", "none", check=True)
    assert labctl.json("status")["endpoints"]["internal"] == "broker:9092"
    labctl.run("stop", check=True)
    labctl.spec(text.replace("auto", "9092"))
    labctl.run("up", check=True)
    endpoints = labctl.json("status")["endpoints"]
    assert endpoints["external"] == "localhost:9092"
    assert endpoints["internal"] != "broker:9092"


def test_a_cluster_has_other_ports(labctl):
    """Three nodes share 127.0.0.1, where 9092, 9093 and the next ones can't be theirs; every quick check passes."""
    labctl.run("up", "--preset", "cluster", "--ports", "auto", "--checks", "quick", check=True, timeout=200)
    internal = labctl.json("status", "--name", "cluster")["endpoints"]["internal"].split(",")
    assert len(set(internal)) == 3
    assert not any(address.endswith((":9092", ":9093")) for address in internal)


def test_a_port_that_is_taken_after_stop(labctl, server):
    """A lab whose internal port another program took while it was stopped gets another, and keeps its records."""
    labctl.run("up", "--checks", "none", "--ports", "auto", check=True)
    labctl.run("stop", check=True)
    server("127.0.0.1", 9092)
    up = labctl.run("up", "--checks", "quick", "--ports", "auto", check=True)
    internal = labctl.json("status")["endpoints"]["internal"]
    assert internal != "broker:9092"
    assert f"an internal port is in use: the lab has {internal} now, in place of broker:9092" in up.stderr
    read = labctl.tool(
        *("kafka-console-consumer.sh", "--topic", "orders", "--bootstrap-server", internal),
        *("--from-beginning", "--max-messages", "3", "--timeout-ms", "20000"),
    )
    assert "hello, kafka" in read.stdout.splitlines()


def test_a_port_that_another_program_has_at_ipv6(labctl, server):
    """A client of `localhost` would reach that program: the port is in use, and the program is named."""
    port = server("::1")
    labctl.spec(f"listeners: {{external: {{port: {port}}}}}\nui: {{kind: none}}\n")
    refused = labctl.run("up")
    assert refused.returncode == 3
    assert f"port {port} on 127.0.0.1 is in use by" in refused.stderr


def test_an_interrupted_up_leaves_nothing(labctl):
    """Ctrl-C while Kafka starts ends with 130; the nodes are found without /proc."""
    up = labctl.start("up", "--ports", "auto", "--checks", "none")
    for line in up.stderr:
        if "prepare" in line:
            break
    up.send_signal(signal.SIGINT)
    up.communicate(timeout=60)
    assert up.returncode == 130
    assert labctl.json("ls") == []


def test_doctor(labctl):
    """It fails for no fact of macOS."""
    labctl.spec("runtime: local\nlisteners: {external: {port: auto}}\nui: {kind: none}\n")
    done = labctl.run("doctor")
    assert "Darwin" in done.stdout + done.stderr
    assert done.returncode == 0, done.stdout + done.stderr


def test_two_labs_at_a_time(labctl, tmp_path):
    """The second one chooses other internal ports."""
    labctl.run("up", "--ports", "auto", "--checks", "none", check=True)
    labctl.run("up", "--name", "second", "--ports", "auto", "--checks", "quick", check=True)
    second = labctl.json("status", "--name", "second")["endpoints"]["internal"]
    assert second != labctl.json("status")["endpoints"]["internal"] == "broker:9092"
