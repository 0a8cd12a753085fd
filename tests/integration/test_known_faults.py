"""Real faults, and the cause that labctl names for each. A run of all of them writes docs/faults.md."""

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from filelock import FileLock

from labctl.diagnostics.diagnosis import NodeTrace, diagnose
from labctl.known_faults import KNOWN_FAULTS
from labctl.runtime.docker.errors import docker_error
from labctl.spec.model import default_spec
from labctl.system.ports import free_ports
from labctl.version_lock import load_lock
from tests.integration import docker_known_faults as faults
from tests.integration.docker_command import a_docker_on_path, docker, docker_as_nobody
from tests.integration.fault_kit import AUTO, Kit, flip_a_byte
from tests.integration.labctl_container import in_container
from tests.integration.labs import OWN_IMAGE, compose_lab, lab_yaml
from tests.integration.polling import wait_for
from tests.recorded_faults import RECORDED, RECORDED_OF_DOCKER

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "faults.md"
CLOSED = "http://127.0.0.1:9/maven2"
NEWEST = default_spec().kafka.version


def edit(path, old, new):
    """Replace `old`, which must be in the file."""
    text = path.read_text()
    assert old in text, text
    path.write_text(text.replace(old, new))


def with_port(number):
    return AUTO.replace("port: auto", f"port: {number}")


def with_config(**settings):
    return AUTO + "kafka: {config: {" + ", ".join(f"{key}: {value}" for key, value in settings.items()) + "}}\n"


def require_diagnosis(document, fault, cause, table):
    """Check that the only diagnosis is this fault, and add its row to the table."""
    (diagnosis,) = document["diagnosis"]
    table[(fault, cause.__name__)] = diagnosis["fault"]
    assert diagnosis["fault"] == fault, diagnosis
    assert diagnosis["remedy"]


@pytest.fixture(scope="module")
def table():
    """The diagnosis of each fault. A run of all faults writes the document."""
    rows = {}
    yield rows
    if len(rows) == len(ROWS) + len(DOCKER_ROWS) + 3:
        DOCUMENT.write_text(as_document(rows))


def as_document(rows):
    lines = [
        f"| {fault or 'none'} | caused | {cause.replace('_', ' ')} | {diagnosis or 'no known fault'} |"
        for (fault, cause), diagnosis in sorted(rows.items())
    ]
    for fault, log in RECORDED.items():
        diagnosis = diagnose([NodeTrace("broker", "exited", "exit code 1", log)])
        lines.append(f"| {fault} | recorded | a node's log | {diagnosis.fault} |")
    for fault, output in RECORDED_OF_DOCKER.items():
        lines.append(f"| {fault} | recorded | docker's output | {docker_error('docker', 1, output).fault} |")
    known = [f"| {fault.name} | {fault.origin} | {fault.cause} | {fault.remedy} |" for fault in KNOWN_FAULTS]
    return "\n".join([INTRODUCTION, *lines, "", *KNOWN, *(re.sub(r"(\{\d\})+", "…", row) for row in known), ""])


INTRODUCTION = """\
# Faults that labctl knows by name

Written by a run of the tests (tests/integration/test_known_faults.py). `caused`: a test caused the fault on a real
broker or engine; `recorded`: a test uses the recorded output of a real fault. The report's `diagnosis` has the name.

| fault | how | cause in the test | diagnosis |
| --- | --- | --- | --- |"""
KNOWN = """\
## Causes and remedies

Each row is an entry of the table in `labctl/known_faults.py`. `docker`: recognised in docker's output; `node`: in the
state or the log of a node; `labctl`: detected by labctl itself, whose error has more details.

| fault | found by | cause | remedy |
| --- | --- | --- | --- |""".splitlines()


# -- on this machine, without Docker -----------------------------------------


def port_taken(kit):
    return kit.up(text=with_port(kit.take_port("127.0.0.1")))


def port_taken_while_starting(kit):
    """Another program takes the port after labctl has looked at it."""
    port = free_ports("127.0.0.1", 1)
    return kit.while_starting(lambda _pid: kit.take_port("127.0.0.1", port), text=with_port(port))


def bad_setting(kit):
    return kit.up(text=with_config(**{"log.retention.hours": "soon"}))


def bad_setting_value(kit):
    return kit.up(text=with_config(**{"compression.type": "zip9"}))


def class_not_found(kit):
    return kit.up("--trust", text=with_config(**{"metric.reporters": "no.such.Reporter"}))


def class_not_found_authorizer(kit):
    return kit.up("--trust", text=with_config(**{"authorizer.class.name": "no.such.Authorizer"}))


def heap_too_small(kit):
    return kit.up(text=AUTO + "kafka: {heap: 8m}\n")


def heap_too_small_for_buffers(kit):
    return kit.up(text=AUTO + "kafka: {heap: 64m, config: {log.cleaner.dedupe.buffer.size: 900000000}}\n")


def too_many_files(kit):
    return kit.up(around=["prlimit", "--nofile=200"])


def too_many_files_of_topics(kit):
    topics = "topics: [{name: many, partitions: 800}]\n"
    return kit.up("--checks", "quick", "--timeout", "20", text=AUTO + topics, around=["prlimit", "--nofile=520"])


def disk_full(kit):
    return kit.up(env={"XDG_STATE_HOME": str(kit.small_disk(32))})


def disk_full_while_starting(kit):
    folder = kit.small_disk(330)
    kit.labctl.env["XDG_STATE_HOME"] = str(folder)
    kit.labctl.spec(AUTO)
    kit.labctl.run("up", check=True)
    kit.labctl.run("stop", check=True)
    next(kit.labctl.state.glob("labs/*/nodes/*/pid.json")).unlink()
    return kit.while_starting(lambda _pid: kit.fill(folder / "fill"))


def not_writable(kit):
    return kit.up(env={"XDG_STATE_HOME": "/proc/labctl"})


def not_writable_a_file(kit):
    (kit.tmp_path / "file").write_text("no folder")
    return kit.up(env={"XDG_STATE_HOME": str(kit.tmp_path / "file")})


def no_download(kit):
    return kit.up(env=kit.own_cache(filled=False) | {"LABCTL_MAVEN_URL": CLOSED})


def no_download_no_such_host(kit):
    return kit.up(env=kit.own_cache(filled=False) | {"LABCTL_MAVEN_URL": "http://mirror.invalid/maven2"})


def wrong_download(kit):
    sizes = {jar.file_name: jar.bytes for jar in load_lock(NEWEST).jars}
    port = kit.serve(lambda path: (200, {}, b"x" * sizes[path.rpartition("/")[2]]))
    return kit.up(env=kit.own_cache(filled=False) | {"LABCTL_MAVEN_URL": f"http://127.0.0.1:{port}"})


def wrong_download_a_login_page(kit):
    port = kit.serve(lambda _path: (200, {"Content-Type": "text/html"}, b"<html>log in to this network</html>"))
    return kit.up(env=kit.own_cache(filled=False) | {"LABCTL_MAVEN_URL": f"http://127.0.0.1:{port}"})


def damaged_cache(kit):
    env = kit.own_cache(filled=True)
    flip_a_byte(env)
    return kit.up(env=env | {"LABCTL_MAVEN_URL": CLOSED})


def damaged_cache_a_jar_cut_short(kit):
    env = kit.own_cache(filled=True)
    jar = next(Path(env["XDG_CACHE_HOME"]).glob(f"labctl/kafka/{NEWEST}-*/jars/kafka-clients-*.jar"))
    os.truncate(jar, 1000)
    return kit.up(env=env | {"LABCTL_MAVEN_URL": CLOSED})


def no_memory(kit):
    return kit.up(text=AUTO + "kafka: {heap: 900g}\n")


def no_memory_for_five(kit):
    return kit.up(text=AUTO + "kafka: {heap: 200g, brokers: 5}\n")


def other_cluster(kit):
    meta = kit.stopped() / "meta.properties"
    meta.write_text(re.sub("cluster.id=.*", "cluster.id=Vn1XM1uGRvWwgCzaQ6Ebxw", meta.read_text()))
    return kit.up("--checks", "quick")


def other_cluster_of_one_node(kit):
    text = AUTO + "kafka: {brokers: 3}\n"
    data = kit.stopped(text).parent.parent / "broker-3/data"
    meta = data / "meta.properties"
    meta.write_text(re.sub("cluster.id=.*", "cluster.id=Vn1XM1uGRvWwgCzaQ6Ebxw", meta.read_text()))
    return kit.up("--timeout", "10", text=text)


def other_node(kit):
    edit(kit.stopped() / "meta.properties", "node.id=1", "node.id=7")
    return kit.up()


def other_node_in_a_cluster(kit):
    data = kit.stopped(AUTO + "kafka: {brokers: 3}\n")
    nodes = data.parent.parent
    shutil.copyfile(nodes / "broker-2/data/meta.properties", nodes / "broker-3/data/meta.properties")
    return kit.up(text=AUTO + "kafka: {brokers: 3}\n")


def newer_data(kit):
    unrecorded_version(kit)
    return kit.up("--kafka", "3.9.2")


def newer_data_by_one(kit):
    unrecorded_version(kit)
    return kit.up("--kafka", "4.1.2")


def unrecorded_version(kit):
    """Stop a lab, and leave its record as older labctls wrote it: without the Kafka that created the data."""
    kit.stopped()
    path = next(kit.labctl.state.glob("labs/*/lab.json"))
    record = json.loads(path.read_text())
    del record["identity"]["kafka_version"]
    path.write_text(json.dumps(record))


def data_in_use(kit):
    lock = kit.stack.enter_context((kit.stopped() / ".lock").open("w+b"))
    fcntl.lockf(lock, fcntl.LOCK_EX)
    return kit.up()


def data_in_use_in_a_cluster(kit):
    text = AUTO + "kafka: {brokers: 3}\n"
    lock = kit.stack.enter_context((kit.stopped(text).parent.parent / "broker-3/data/.lock").open("w+b"))
    fcntl.lockf(lock, fcntl.LOCK_EX)
    return kit.up(text=text)


def wrong_advertised(kit):
    return kit.up("--timeout", "8", text=AUTO.replace("port: auto", "port: auto, advertise: 127.0.0.9"))


def wrong_advertised_no_such_name(kit):
    return kit.up("--timeout", "8", text=AUTO.replace("port: auto", "port: auto, advertise: no-such-host.invalid"))


def frozen(kit):
    return kit.while_starting(lambda pid: os.kill(pid, signal.SIGSTOP), "--timeout", "5")


def frozen_in_a_cluster(kit):
    return kit.while_starting(
        lambda pid: os.kill(pid, signal.SIGSTOP), "--timeout", "8", text=AUTO + "kafka: {brokers: 3}\n"
    )


def killed(kit):
    return kit.while_starting(lambda pid: os.kill(pid, signal.SIGKILL))


def killed_in_a_cluster(kit):
    return kit.while_starting(lambda pid: os.kill(pid, signal.SIGKILL), text=AUTO + "kafka: {brokers: 3}\n")


def stopped_by_a_signal(kit):
    return kit.while_starting(lambda pid: os.kill(pid, signal.SIGTERM))


def stopped_in_a_cluster(kit):
    return kit.while_starting(lambda pid: os.kill(pid, signal.SIGTERM), text=AUTO + "kafka: {brokers: 3}\n")


def bad_certificate(kit):
    data = kit.stopped(lab_yaml("secure"))
    pem = data.parent.parent.parent / "secrets/nodes/broker/node.pem"
    pem.write_text("no certificate\n")
    return kit.up(text=lab_yaml("secure"))


def bad_certificate_without_its_key(kit):
    data = kit.stopped(lab_yaml("secure"))
    folder = data.parent.parent.parent / "secrets/nodes/broker"
    (folder / "node.pem").write_text((folder / "ca.pem").read_text())
    return kit.up(text=lab_yaml("secure"))


def lab_held(kit):
    locks = kit.labctl.state / "locks"
    locks.mkdir(parents=True)
    kit.stack.enter_context(FileLock(locks / "homework.lock"))
    return kit.up("--timeout", "1")


def lab_held_by_a_frozen_labctl(kit):
    kit.labctl.spec(AUTO)
    first = kit.labctl.start("up")
    wait_for(lambda: list(kit.labctl.state.glob("locks/homework.holder")))
    first.send_signal(signal.SIGSTOP)
    document = kit.up("--timeout", "1")
    first.send_signal(signal.SIGCONT)
    first.communicate(timeout=60)
    return document


def too_many_threads(kit):
    """The cgroup of the shell may have fewer threads than a broker has."""
    return kit.up(around=kit.few_processes(60))


def too_many_threads_for_three(kit):
    """The same in a cluster, whose nodes share the limit."""
    return kit.up(text=AUTO + "kafka: {brokers: 3}\n", around=kit.few_processes(150))


LOCAL = {
    "port-taken": (port_taken, port_taken_while_starting),
    "bad-setting": (bad_setting, bad_setting_value),
    "class-not-found": (class_not_found, class_not_found_authorizer),
    "heap-too-small": (heap_too_small, heap_too_small_for_buffers),
    "too-many-files": (too_many_files, too_many_files_of_topics),
    "disk-full": (disk_full, disk_full_while_starting),
    "not-writable": (not_writable, not_writable_a_file),
    "no-download": (no_download, no_download_no_such_host),
    "wrong-download": (wrong_download, wrong_download_a_login_page),
    "damaged-cache": (damaged_cache, damaged_cache_a_jar_cut_short),
    "no-memory": (no_memory, no_memory_for_five),
    "other-cluster": (other_cluster, other_cluster_of_one_node),
    "other-node": (other_node, other_node_in_a_cluster),
    "newer-data": (newer_data, newer_data_by_one),
    "data-in-use": (data_in_use, data_in_use_in_a_cluster),
    "wrong-advertised": (wrong_advertised, wrong_advertised_no_such_name),
    "too-many-threads": (too_many_threads, too_many_threads_for_three),
    "node-frozen": (frozen, frozen_in_a_cluster),
    "node-killed": (killed, killed_in_a_cluster),
    "node-stopped": (stopped_by_a_signal, stopped_in_a_cluster),
    "bad-certificate": (bad_certificate, bad_certificate_without_its_key),
    "lab-held": (lab_held, lab_held_by_a_frozen_labctl),
}
ROWS = [(fault, cause) for fault, causes in LOCAL.items() for cause in causes]


@pytest.mark.local
@pytest.mark.timeout(180)
@pytest.mark.parametrize(("fault", "cause"), ROWS, ids=lambda value: getattr(value, "__name__", str(value)))
def test_a_local_fault(labctl, tmp_path, table, fault, cause):
    """labctl names this fault and no other."""
    with contextlib.ExitStack() as stack:
        require_diagnosis(cause(Kit(labctl, tmp_path, stack)), fault, cause, table)


# -- in Docker ---------------------------------------------------------------


def oom_killed(kit):
    image = kit.derived("greedy", 'ENV KAFKA_OPTS="-Xms3g -Xmx3g -XX:+AlwaysPreTouch"')
    return kit.up(text=compose_lab("greedy", image=image))


def oom_killed_beside_the_heap(kit):
    return kit.up(text=compose_lab("eater", image=kit.derived("eater", 'CMD ["tail", "/dev/zero"]')))


def disk_full_in_a_container(kit):
    fill = (
        "mkdir /dev/shm/d; head -c 64m /dev/zero >/dev/shm/fill; KAFKA_LOG_DIRS=/dev/shm/d exec /etc/kafka/docker/run"
    )
    return kit.up(text=compose_lab("full", image=kit.derived("full", f'CMD ["bash", "-c", "{fill}"]')))


def no_engine(kit):
    return kit.up(text=compose_lab("none"), env={"DOCKER_HOST": f"unix://{kit.tmp_path}/docker.sock"})


def no_engine_at_an_address(kit):
    return kit.up(text=compose_lab("none"), env={"DOCKER_HOST": "tcp://127.0.0.1:9"})


def hung(kit, script):
    return kit.up(text=compose_lab("hung"), env=a_docker_on_path(kit.tmp_path, script))


def no_compose(kit):
    bare = {"DOCKER_CONFIG": str(kit.tmp_path)}
    installed = subprocess.run(
        ["docker", "compose", "version"], env=os.environ | bare, capture_output=True, timeout=30, check=False
    )
    if installed.returncode == 0:
        pytest.skip("Compose is installed for all users of this machine")
    return kit.up(text=compose_lab("none"), env=bare)


def podman_command(kit):
    # what Podman 4.3.1 prints as a docker command
    return hung(
        kit, 'case "$1" in version) echo null;; context) ;; *) echo "Error: no such container" >&2; exit 125;; esac'
    )


def engine_outside(kit):
    kit.labctl.around = in_container(kit.labctl, "labctl-test-outside")
    kit.stack.callback(kit.labctl.around.clear)
    return kit.up(text=compose_lab("outside"))


def no_docker_permission(kit):
    with docker_as_nobody(kit.tmp_path) as env:
        return kit.up(text=compose_lab("none"), env=env)


def docker_hung(kit):
    return hung(kit, "exec sleep 600")


def docker_hung_at_inspect(kit):
    real = shutil.which("docker")
    return hung(kit, f'case "$*" in *inspect*labctl*|*"container inspect"*) exec sleep 600;; esac; exec {real} "$@"')


def image_not_here(kit):
    return kit.up(text=compose_lab("never", more=", pull: never", image="labctl-test/nothing"))


def image_not_here_by_digest(kit):
    return kit.up(text=compose_lab("never", more=", pull: never", image=f"kafka@sha256:{'0' * 64}"))


def no_registry(kit):
    return kit.up(text=compose_lab("nopull", image="127.0.0.1:9/kafka"))


def no_registry_of_that_name(kit):
    return kit.up(text=compose_lab("nopull", image="registry.invalid/kafka"))


def no_registry_that_stalls(kit):
    """The registry has the image, but sends none of its layers for longer than labctl waits."""
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": blob("application/vnd.docker.container.image.v1+json", "1"),
            "layers": [blob("application/vnd.docker.image.rootfs.diff.tar.gzip", "2")],
        }
    ).encode()

    def respond(path):
        if "/blobs/" in path:
            time.sleep(90)
        kind = "application/vnd.docker.distribution.manifest.v2+json" if "/manifests/" in path else "application/json"
        headers = {"Docker-Distribution-Api-Version": "registry/2.0", "Content-Type": kind}
        return 200, headers, manifest if "/manifests/" in path else b"{}"

    return kit.up(text=compose_lab("stalled", image=f"127.0.0.1:{kit.serve(respond)}/kafka"))


def blob(kind, digit):
    return {"mediaType": kind, "size": 1000, "digest": f"sha256:{digit * 64}"}


def registry(kit, status, body):
    """Run `up` with a registry on this machine, which every engine trusts, that refuses each request."""
    headers = {"Docker-Distribution-Api-Version": "registry/2.0"}

    def respond(path):
        return (200, headers, b"{}") if path == "/v2/" else (status, headers, body)

    return kit.up(text=compose_lab("refused", image=f"127.0.0.1:{kit.serve(respond)}/kafka"))


def refusal(code, message):
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


def pull_limit(kit):
    return registry(kit, 429, refusal("TOOMANYREQUESTS", "You have reached your unauthenticated pull rate limit."))


def pull_limit_of_a_proxy(kit):
    return registry(kit, 429, b"slow down")


def no_such_image(kit):
    return registry(kit, 404, refusal("MANIFEST_UNKNOWN", "manifest unknown"))


def no_such_repository(kit):
    return registry(kit, 404, refusal("NAME_UNKNOWN", "repository name not known to registry"))


def no_such_image_for_this_user(kit):
    return registry(kit, 403, refusal("DENIED", "requested access to the resource is denied"))


def foreign_container(kit):
    docker("run", "--detach", "--name", "strange-broker", f"{OWN_IMAGE}:{NEWEST}", "sleep", "600")
    kit.stack.callback(docker, "rm", "--force", "--volumes", "strange-broker")
    return kit.up(text=compose_lab("strange"))


def foreign_container_that_never_ran(kit):
    docker("create", "--name", "strange-broker", "--label", "labctl.lab=strange", f"{OWN_IMAGE}:{NEWEST}", "true")
    kit.stack.callback(docker, "rm", "--force", "--volumes", "strange-broker")
    return kit.up(text=compose_lab("strange"))


def foreign_volume(kit):
    docker("volume", "create", "labctl-other_broker-data")
    kit.stack.callback(docker, "volume", "rm", "labctl-other_broker-data")
    return kit.up(text=compose_lab("other"))


def foreign_volume_of_a_lab(kit):
    docker("volume", "create", "--label", "labctl.cluster=Vn1XM1uGRvWwgCzaQ6Ebxw", "labctl-other_broker-data")
    kit.stack.callback(docker, "volume", "rm", "labctl-other_broker-data")
    return kit.up(text=compose_lab("other"))


def paused(kit):
    return kit.while_container_starts("interfering", "pause")


def killed_in_docker(kit):
    return kit.while_container_starts("interfering", "kill")


def stopped_in_docker(kit):
    return kit.while_container_starts("interfering", "stop")


DOCKER = {
    "oom-killed": (oom_killed, oom_killed_beside_the_heap),
    "disk-full": (disk_full_in_a_container, faults.disk_full_on_a_small_volume),
    "docker-disk-full": (faults.engine_disk_full,),
    "no-engine": (no_engine, no_engine_at_an_address, faults.engine_stopped),
    "no-subnet": (faults.engine_without_a_subnet,),
    "other-architecture": (faults.other_architecture, faults.other_architecture_in_the_registry),
    "other-cluster": (faults.other_cluster_in_the_volume,),
    "node-removed": (faults.removed_while_starting, faults.removed_during_the_checks),
    "no-compose": (no_compose,),
    "podman-command": (podman_command,),
    "engine-outside": (engine_outside,),
    "no-docker-permission": (no_docker_permission,),
    "docker-hung": (docker_hung, docker_hung_at_inspect),
    "image-not-here": (image_not_here, image_not_here_by_digest),
    "no-registry": (no_registry, no_registry_of_that_name, no_registry_that_stalls),
    "pull-limit": (pull_limit, pull_limit_of_a_proxy),
    "no-such-image": (no_such_image, no_such_repository, no_such_image_for_this_user),
    "foreign-container": (foreign_container, foreign_container_that_never_ran),
    "foreign-volume": (foreign_volume, foreign_volume_of_a_lab),
    "node-frozen": (paused,),
    "node-killed": (killed_in_docker,),
    "node-stopped": (stopped_in_docker,),
}
DOCKER_ROWS = [(fault, cause) for fault, causes in DOCKER.items() for cause in causes]


@pytest.mark.docker
@pytest.mark.timeout(180)
@pytest.mark.parametrize(("fault", "cause"), DOCKER_ROWS, ids=lambda value: getattr(value, "__name__", str(value)))
def test_a_fault_in_docker(engine_labctl, derived, tmp_path, table, request, fault, cause):
    """labctl names this fault and no other."""
    with contextlib.ExitStack() as stack:
        kit = Kit(engine_labctl, tmp_path, stack, derived, lambda: request.getfixturevalue("other_engine"))
        require_diagnosis(cause(kit), fault, cause, table)


# -- neither -----------------------------------------------------------------


@pytest.mark.local
def test_a_healthy_lab_has_no_fault(labctl, table):
    """No log of a node from the start, the checks and a broker's restart is taken for a fault."""
    labctl.spec(lab_yaml("isolated"))
    labctl.run("up", timeout=180, check=True)
    nodes = labctl.json("status")["nodes"]
    traces = [
        NodeTrace(node["name"], node["state"], "", labctl.run("logs", node["name"], check=True).stdout)
        for node in nodes
    ]
    assert all(len(trace.log) > 1000 for trace in traces)
    diagnosis = diagnose(traces)
    table[("", "a healthy lab")] = diagnosis and diagnosis.fault
    assert diagnosis is None


@pytest.mark.local
def test_a_failed_check_of_a_healthy_lab_has_no_fault(labctl, table):
    """A deleted topic is no known fault. The diagnosis has the failed check's detail."""
    labctl.spec(AUTO)
    labctl.run("up", check=True)
    labctl.tool("kafka-topics.sh", "--bootstrap-server", "broker:9092", "--delete", "--topic", "orders")
    (diagnosis,) = labctl.json("check", "topics")["diagnosis"]
    table[("", "a topic deleted")] = diagnosis["fault"]
    assert diagnosis["fault"] == ""
    assert "topic orders does not exist" in diagnosis["cause"]


@pytest.mark.docker
def test_an_unknown_error_is_quoted(engine_labctl, derived, tmp_path, table):
    """No known fault is named. The diagnosis quotes the first error line of the node that died."""
    with contextlib.ExitStack() as stack:
        kit = Kit(engine_labctl, tmp_path, stack, derived)
        error = "ERROR the flux is out of bounds"
        image = kit.derived("odd", f'CMD ["bash", "-c", "echo hello; echo {error}; echo bye; exit 3"]')
        (diagnosis,) = kit.up(text=compose_lab("odd", image=image))["diagnosis"]
    table[("", "a container that ends with an unknown error")] = diagnosis["fault"]
    assert diagnosis["fault"] == ""
    assert diagnosis["evidence"][0] == f"node broker, exited (exit code 3): {error}"
