"""labctl in a container whose engine is outside of it: what it publishes on 127.0.0.1 is another machine's."""

import json

import pytest

from tests.integration.docker_command import docker
from tests.integration.labctl_container import in_container
from tests.integration.labs import OWN_IMAGE, compose_lab

pytestmark = pytest.mark.docker


@pytest.fixture
def labctl(engine_labctl):
    """A labctl that runs in a container with the engine's socket: `labctl.inside(*options)` sets the container."""

    def inside(*options):
        engine_labctl.around = in_container(engine_labctl, "labctl-test-dev", *options)

    engine_labctl.inside = inside
    yield engine_labctl
    engine_labctl.around = []


def test_the_compose_runtime_is_refused_at_once(labctl):
    """Nothing is created. The message names the container; the remedies are those that work there."""
    labctl.inside()
    labctl.spec(compose_lab("outside"))
    refused = labctl.run("up", "--json")
    assert refused.returncode == 3, refused.stderr
    assert "labctl runs in the container labctl-test-dev, and the engine is outside of it" in refused.stderr
    assert "--runtime local" in refused.stderr
    assert json.loads(refused.stdout)["diagnosis"][0]["fault"] == "engine-outside"
    assert labctl.json("ls") == []


def test_auto_chooses_local_there(labctl):
    """With the reason. `doctor` says the same."""
    labctl.inside()
    labctl.spec(f"kafka: {{image: {OWN_IMAGE}}}\n")
    runtime = labctl.json("plan")["runtime"]
    assert runtime["name"] == "local"
    assert "labctl runs in the container labctl-test-dev" in runtime["reason"]
    assert "labctl runs in the container labctl-test-dev" in labctl.run("doctor").stdout


def test_a_container_on_the_host_s_network(labctl):
    """It has the published ports: the lab comes up in Docker and is verified."""
    labctl.inside("--network", "host")
    labctl.spec(compose_lab("beside"))
    assert "ready, verified" in labctl.run("up", check=True).stderr
    labctl.run("down", check=True)


def test_the_name_of_the_engine_s_machine(labctl):
    """With listeners.external.advertise and bind the lab comes up and is verified from the container."""
    gateway = docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}").strip()
    labctl.inside()
    external = f"port: 19494, advertise: {gateway}, bind: {gateway}"
    labctl.spec(compose_lab("named").replace("port: auto", external))
    assert "ready, verified" in labctl.run("up", check=True).stderr
    assert labctl.json("status")["endpoints"]["external"] == f"{gateway}:19494"
    labctl.run("down", check=True)
