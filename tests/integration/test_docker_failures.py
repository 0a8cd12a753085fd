"""Faults of the compose runtime, made for real: one sentence, a remedy, the right exit code, nothing left."""

import random
import signal
import socket
import time

import pytest

from tests.integration.docker_command import a_docker_on_path, docker, docker_as_nobody, lab_objects
from tests.integration.labs import OWN_IMAGE, compose_lab
from tests.integration.polling import wait_for

pytestmark = pytest.mark.docker


def nothing_in_docker(name):
    left = lab_objects(name)
    assert not any(left.values()), left


@pytest.mark.gate
def test_a_taken_port_names_the_program(engine_labctl):
    """Exit 3, before anything starts."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        engine_labctl.spec(compose_lab("taken").replace("port: auto", f"port: {port}"))
        done = engine_labctl.run("up")
    assert done.returncode == 3
    assert f"port {port} on 127.0.0.1 is in use by " in done.stderr
    nothing_in_docker("taken")


@pytest.mark.gate
def test_no_engine(engine_labctl):
    """Exit 3; auto takes the local runtime and says why."""
    engine_labctl.spec(compose_lab("noengine"))
    silent = {"DOCKER_HOST": f"unix://{engine_labctl.folder}/docker.sock"}
    done = engine_labctl.run("up", env=silent)
    assert done.returncode == 3
    assert "no Docker Engine responds" in done.stderr
    assert "--runtime local" in done.stderr
    assert engine_labctl.json("ls", env=silent) == []
    planned = engine_labctl.json("plan", "--runtime", "auto", env=silent)
    assert planned["runtime"]["name"] == "local"
    assert "no Docker Engine responds" in planned["runtime"]["reason"]


@pytest.mark.gate
def test_a_socket_that_this_user_may_not_use(engine_labctl):
    """As another user: exit 3, and what to do."""
    engine_labctl.spec(compose_lab("refused"))
    with docker_as_nobody(engine_labctl.folder) as refused:
        done = engine_labctl.run("up", env=refused)
        auto = engine_labctl.run("plan", "--runtime", "auto", env=refused, check=True)
    assert done.returncode == 3
    assert "this user has no permission for the Docker Engine's socket: permission denied" in done.stderr
    assert "usermod -aG docker" in done.stderr
    assert "local (auto: this user has no permission" in auto.stdout
    nothing_in_docker("refused")


@pytest.mark.gate
def test_an_image_that_is_not_here_and_must_not_be_pulled(engine_labctl):
    """Exit 3, with the ways out."""
    engine_labctl.spec(compose_lab("never", more=", pull: never", image="labctl-test/nothing"))
    done = engine_labctl.run("up")
    assert done.returncode == 3
    assert "the image labctl-test/nothing:4.3.1 is not present, and kafka.pull is never" in done.stderr
    assert "labctl image build" in done.stderr
    nothing_in_docker("never")


def test_an_image_that_can_t_be_pulled(engine_labctl):
    """A registry that does not answer: exit 3; auto takes local instead, and says so."""
    engine_labctl.spec(compose_lab("nopull", image="127.0.0.1:9/kafka"))
    done = engine_labctl.run("up")
    assert done.returncode == 3
    assert "the image registry can't be reached" in done.stderr
    nothing_in_docker("nopull")
    up = engine_labctl.run("up", "--runtime", "auto", "--checks", "none", check=True)
    assert "127.0.0.1:9/kafka:4.3.1 is not present and no registry has it" in up.stderr
    assert engine_labctl.json("status")["runtime"]["name"] == "local"


@pytest.mark.gate
def test_a_container_that_exits_at_once(engine_labctl):
    """Exit 4 with Kafka's own message."""
    engine_labctl.spec(compose_lab("exits", more=", config: {log.retention.hours: soon}"))
    done = engine_labctl.run("up")
    assert done.returncode == 4
    assert "Invalid value soon for configuration log.retention.hours" in done.stderr
    nothing_in_docker("exits")


def test_a_container_that_is_oom_killed(engine_labctl, derived):
    """Heap over the limit, touched at once: exit 4, said so, with the limit."""
    image = derived("greedy", 'ENV KAFKA_OPTS="-Xms3g -Xmx3g -XX:+AlwaysPreTouch"')
    engine_labctl.spec(compose_lab("greedy", image=image))
    done = engine_labctl.run("up")
    assert done.returncode == 4
    assert "memory limit of 1536 MiB" in done.stderr
    assert "kafka.heap" in done.stderr
    nothing_in_docker("greedy")


def test_a_full_disk(engine_labctl, derived):
    """Kafka finds no space: exit 4, the cause and the remedy."""
    fill = (
        "mkdir /dev/shm/d; head -c 64m /dev/zero >/dev/shm/fill; KAFKA_LOG_DIRS=/dev/shm/d exec /etc/kafka/docker/run"
    )
    image = derived("full", f'CMD ["bash", "-c", "{fill}"]')
    engine_labctl.spec(compose_lab("full", image=image))
    done = engine_labctl.run("up")
    assert done.returncode == 4, done.stderr
    assert "disk that holds the lab's data is full" in done.stderr
    nothing_in_docker("full")


@pytest.mark.gate
def test_a_docker_command_that_hangs(engine_labctl):
    """It is ended at its deadline: exit 4, the command pasteable."""
    engine_labctl.spec(compose_lab("hangs"))
    hung = a_docker_on_path(engine_labctl.folder, "exec sleep 600")
    done = engine_labctl.run("up", env=hung)
    assert done.returncode == 4
    assert "did not end in time" in done.stderr
    assert "`docker " in done.stderr
    auto = engine_labctl.run("plan", "--runtime", "auto", env=hung)
    assert "did not end in time" in auto.stdout


def test_a_volume_of_another_cluster(engine_labctl):
    """It is neither used nor taken away."""
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
    """Exit 3; it lives on."""
    engine_labctl.spec(compose_lab("homework"))
    docker("run", "--detach", "--name", "broker", f"{OWN_IMAGE}:4.3.1", "sleep", "600")
    try:
        done = engine_labctl.run("up")
        assert done.returncode == 3
        assert "there is already a container broker, created by" in done.stderr
        assert "--name" in done.stderr
        engine_labctl.run("down", check=True)
        assert docker("container", "inspect", "--format", "{{.State.Status}}", "broker").strip() == "running"
    finally:
        docker("rm", "--force", "--volumes", "broker")


@pytest.mark.gate
def test_a_foreign_container_on_the_lab_s_network(engine_labctl):
    """It is named and lives on; once it is gone `down` is done."""
    engine_labctl.spec(compose_lab("joined"))
    engine_labctl.run("up", "--checks", "none", check=True)
    docker("run", "--detach", "--name", "guest", "--network", "labctl-joined", f"{OWN_IMAGE}:4.3.1", "sleep", "600")
    try:
        done = engine_labctl.run("down")
        assert done.returncode == 3
        assert "the lab's network labctl-joined is in use by guest, not of this lab" in done.stderr
        assert "docker network disconnect -f labctl-joined guest; then run labctl down again" in done.stderr
        assert docker("container", "inspect", "--format", "{{.State.Status}}", "guest").strip() == "running"
    finally:
        docker("rm", "--force", "--volumes", "guest")
    engine_labctl.run("down", check=True)
    nothing_in_docker("joined")


@pytest.mark.gate
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_takes_everything_away(engine_labctl, number):
    """With the exit code of the signal."""
    engine_labctl.spec(compose_lab("interrupted"))
    up = engine_labctl.start("up")
    wait_for(lambda: lab_objects("interrupted")["container"])
    up.send_signal(number)
    up.communicate(timeout=60)
    assert up.returncode == 128 + number
    nothing_in_docker("interrupted")


STEPS = ("prepare", "start", "ready", "topics", "checks")
KILLS = 4  # in each step


def lines_with_times(process):
    """Each line that it says, and when, in seconds from now."""
    started = time.monotonic()
    for line in process.stderr:
        yield line, time.monotonic() - started


@pytest.mark.timeout(300)
def test_after_a_sigkill_down_leaves_nothing(engine_labctl, record_property):
    """20 kills, four at seeded moments of each step of `up`; a foreign container of a similar name lives on."""
    engine_labctl.spec(compose_lab("killed"))
    docker("run", "--detach", "--name", "killed-broker-2", f"{OWN_IMAGE}:4.3.1", "sleep", "900")
    try:
        ends = [at for line, at in lines_with_times(engine_labctl.start("up")) if line.startswith("✓")]
        engine_labctl.run("down", check=True)
        lasts = [end - before for end, before in zip(ends, [0.3, *ends], strict=False)]
        chance = random.Random(20)
        for number, (step, seconds) in enumerate(zip(STEPS, lasts, strict=True)):
            for _ in range(KILLS):
                up = engine_labctl.start("up")
                begun = 0
                while begun < number and (line := up.stderr.readline()):
                    begun += line.startswith("✓")
                time.sleep((0.3 if number == 0 else 0) + chance.random() * 0.9 * seconds)
                up.kill()
                up.communicate(timeout=20)
                assert up.returncode == -signal.SIGKILL, step
                found = lab_objects("killed")
                record_property(f"killed in {step}", str(found))
                engine_labctl.run("down", check=True)
                nothing_in_docker("killed")
        assert docker("container", "inspect", "--format", "{{.State.Status}}", "killed-broker-2").strip() == "running"
    finally:
        docker("rm", "--force", "--volumes", "killed-broker-2")
