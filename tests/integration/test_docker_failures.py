"""Faults of the compose runtime, caused on a real engine: labctl names cause and remedy and leaves nothing behind."""

import random
import signal
import socket
import time

import pytest

from tests.integration.docker_command import a_docker_on_path, docker, docker_as_nobody, lab_objects
from tests.integration.labs import OWN_IMAGE, compose_lab
from tests.integration.polling import wait_for

pytestmark = pytest.mark.docker


def require_nothing_in_docker(name):
    """Fail where the engine still has an object of the lab."""
    orphans = lab_objects(name)
    assert not any(orphans.values()), orphans


@pytest.mark.gate
def test_a_taken_port_names_the_program(engine_labctl):
    """`up` exits with 3 before anything starts, and names the program that uses the port."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        engine_labctl.spec(compose_lab("taken").replace("port: auto", f"port: {port}"))
        done = engine_labctl.run("up")
    assert done.returncode == 3
    assert f"port {port} on 127.0.0.1 is in use by " in done.stderr
    require_nothing_in_docker("taken")


@pytest.mark.gate
def test_no_engine(engine_labctl):
    """`up` exits with 3. The runtime auto selects local and gives the reason."""
    engine_labctl.spec(compose_lab("noengine"))
    no_engine = {"DOCKER_HOST": f"unix://{engine_labctl.folder}/docker.sock"}
    done = engine_labctl.run("up", env=no_engine)
    assert done.returncode == 3
    assert "no Docker Engine responds" in done.stderr
    assert "--runtime local" in done.stderr
    assert engine_labctl.json("ls", env=no_engine) == []
    planned = engine_labctl.json("plan", "--runtime", "auto", env=no_engine)
    assert planned["runtime"]["name"] == "local"
    assert "no Docker Engine responds" in planned["runtime"]["reason"]


@pytest.mark.gate
def test_a_socket_without_permission(engine_labctl):
    """`up` exits with 3 for a user without permission and gives the remedy; auto selects local."""
    engine_labctl.spec(compose_lab("refused"))
    with docker_as_nobody(engine_labctl.folder) as refused:
        done = engine_labctl.run("up", env=refused)
        auto = engine_labctl.run("plan", "--runtime", "auto", env=refused, check=True)
    assert done.returncode == 3
    assert "this user has no permission for the Docker Engine's socket: permission denied" in done.stderr
    assert "usermod -aG docker" in done.stderr
    assert "local (auto: this user has no permission" in auto.stdout
    require_nothing_in_docker("refused")


@pytest.mark.gate
def test_a_missing_image_that_must_not_be_pulled(engine_labctl):
    """`up` exits with 3 and gives the remedies."""
    engine_labctl.spec(compose_lab("never", more=", pull: never", image="labctl-test/nothing"))
    done = engine_labctl.run("up")
    assert done.returncode == 3
    assert "the image labctl-test/nothing:4.4.0 is not present, and kafka.pull is never" in done.stderr
    assert "labctl image build" in done.stderr
    require_nothing_in_docker("never")


def test_an_image_that_can_t_be_pulled(engine_labctl):
    """`up` exits with 3 where the registry does not respond. The runtime auto selects local and gives the reason."""
    engine_labctl.spec(compose_lab("nopull", image="127.0.0.1:9/kafka"))
    done = engine_labctl.run("up")
    assert done.returncode == 3
    assert "the image registry can't be reached" in done.stderr
    require_nothing_in_docker("nopull")
    up = engine_labctl.run("up", "--runtime", "auto", "--checks", "none", check=True)
    assert "127.0.0.1:9/kafka:4.4.0 is not present and no registry has it" in up.stderr
    assert engine_labctl.json("status")["runtime"]["name"] == "local"


@pytest.mark.gate
def test_a_container_that_exits_at_once(engine_labctl):
    """`up` exits with 4 and quotes Kafka's own message."""
    engine_labctl.spec(compose_lab("exits", more=", config: {log.retention.hours: soon}"))
    done = engine_labctl.run("up")
    assert done.returncode == 4
    assert "Invalid value soon for configuration log.retention.hours" in done.stderr
    require_nothing_in_docker("exits")


def test_a_container_that_is_oom_killed(engine_labctl, derived):
    """`up` exits with 4 where the heap exceeds the memory limit, and names the limit."""
    image = derived("greedy", 'ENV KAFKA_OPTS="-Xms3g -Xmx3g -XX:+AlwaysPreTouch"')
    engine_labctl.spec(compose_lab("greedy", image=image))
    done = engine_labctl.run("up")
    assert done.returncode == 4
    assert "memory limit of 1536 MiB" in done.stderr
    assert "kafka.heap" in done.stderr
    require_nothing_in_docker("greedy")


def test_a_full_disk(engine_labctl, derived):
    """`up` exits with 4 where Kafka's disk is full, and names the cause."""
    fill = (
        "mkdir /dev/shm/d; head -c 64m /dev/zero >/dev/shm/fill; KAFKA_LOG_DIRS=/dev/shm/d exec /etc/kafka/docker/run"
    )
    image = derived("full", f'CMD ["bash", "-c", "{fill}"]')
    engine_labctl.spec(compose_lab("full", image=image))
    done = engine_labctl.run("up")
    assert done.returncode == 4, done.stderr
    assert "disk that holds the lab's data is full" in done.stderr
    require_nothing_in_docker("full")


@pytest.mark.gate
def test_a_docker_command_that_hangs(engine_labctl):
    """labctl ends the command after its timeout; `up` exits with 4 and prints the command."""
    engine_labctl.spec(compose_lab("hangs"))
    hung = a_docker_on_path(engine_labctl.folder, "exec sleep 600")
    done = engine_labctl.run("up", env=hung)
    assert done.returncode == 4
    assert "did not end in time" in done.stderr
    assert "`docker " in done.stderr
    auto = engine_labctl.run("plan", "--runtime", "auto", env=hung)
    assert "did not end in time" in auto.stdout


def test_a_volume_of_another_cluster(engine_labctl):
    """`up` exits with 3, and neither uses nor removes the volume."""
    engine_labctl.spec(compose_lab("other"))
    docker("volume", "create", "labctl-other_broker-data")
    try:
        done = engine_labctl.run("up")
        assert done.returncode == 3
        assert "there is already a volume labctl-other_broker-data, with the data of another cluster" in done.stderr
        assert "labctl-other_broker-data" in docker("volume", "ls", "--quiet")
    finally:
        docker("volume", "rm", "labctl-other_broker-data")


@pytest.mark.gate
def test_a_foreign_container_with_our_name(engine_labctl):
    """`up` exits with 3. Neither `up` nor `down` affects the container."""
    engine_labctl.spec(compose_lab("homework"))
    docker("run", "--detach", "--name", "broker", f"{OWN_IMAGE}:4.4.0", "sleep", "600")
    try:
        done = engine_labctl.run("up")
        assert done.returncode == 3
        assert "there is already a container broker, created by somebody else, not labctl" in done.stderr
        assert "--name" in done.stderr
        engine_labctl.run("down", check=True)
        assert docker("container", "inspect", "--format", "{{.State.Status}}", "broker").strip() == "running"
    finally:
        docker("rm", "--force", "--volumes", "broker")


@pytest.mark.gate
def test_a_foreign_container_on_the_lab_s_network(engine_labctl):
    """`down` exits with 3 and names the container. Once that is removed, `down` succeeds."""
    engine_labctl.spec(compose_lab("joined"))
    engine_labctl.run("up", "--checks", "none", check=True)
    docker("run", "--detach", "--name", "guest", "--network", "labctl-joined", f"{OWN_IMAGE}:4.4.0", "sleep", "600")
    try:
        done = engine_labctl.run("down")
        assert done.returncode == 3
        assert "the lab's network labctl-joined is in use by guest, not of this lab" in done.stderr
        assert "docker network disconnect -f labctl-joined guest; then run labctl down again" in done.stderr
        assert docker("container", "inspect", "--format", "{{.State.Status}}", "guest").strip() == "running"
    finally:
        docker("rm", "--force", "--volumes", "guest")
    engine_labctl.run("down", check=True)
    require_nothing_in_docker("joined")


@pytest.mark.gate
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_removes_everything(engine_labctl, number):
    """An interrupted `up` removes the lab and ends with the exit code of the signal."""
    engine_labctl.spec(compose_lab("interrupted"))
    up = engine_labctl.start("up")
    wait_for(lambda: lab_objects("interrupted")["container"])
    up.send_signal(number)
    up.communicate(timeout=60)
    assert up.returncode == 128 + number
    require_nothing_in_docker("interrupted")


STEPS = ("prepare", "start", "ready", "topics", "checks")
KILLS = 4  # in each step


def lines_with_times(process):
    """Yield each line of stderr and its time, in seconds from now."""
    started = time.monotonic()
    for line in process.stderr:
        yield line, time.monotonic() - started


@pytest.mark.timeout(300)
def test_after_a_sigkill_down_leaves_nothing(engine_labctl, record_property):
    """`down` leaves nothing after each of 20 kills, four in each step of `up`. A foreign container stays."""
    engine_labctl.spec(compose_lab("killed"))
    docker("run", "--detach", "--name", "killed-broker-2", f"{OWN_IMAGE}:4.4.0", "sleep", "900")
    try:
        ends = [at for line, at in lines_with_times(engine_labctl.start("up")) if line.startswith("✓")]
        engine_labctl.run("down", check=True)
        lasts = [end - before for end, before in zip(ends, [0.3, *ends], strict=False)]
        chance = random.Random(20)
        for number, (step, seconds) in enumerate(zip(STEPS, lasts, strict=True)):
            for _ in range(KILLS):
                up = engine_labctl.start("up")
                ended = 0
                while ended < number and (line := up.stderr.readline()):
                    ended += line.startswith("✓")
                time.sleep((0.3 if number == 0 else 0) + chance.random() * 0.9 * seconds)
                up.kill()
                up.communicate(timeout=20)
                assert up.returncode == -signal.SIGKILL, step
                existed = lab_objects("killed")
                record_property(f"killed in {step}", str(existed))
                engine_labctl.run("down", check=True)
                require_nothing_in_docker("killed")
        assert docker("container", "inspect", "--format", "{{.State.Status}}", "killed-broker-2").strip() == "running"
    finally:
        docker("rm", "--force", "--volumes", "killed-broker-2")
