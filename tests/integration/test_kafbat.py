"""A lab with Kafbat UI beside its nodes. Its image is a stand-in, described in tests/images/kafbat.pl."""

import base64
from pathlib import Path

import pytest

from tests.integration.docker_command import docker, lab_objects
from tests.integration.labs import compose_lab

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]

SCRIPT = (Path(__file__).parent.parent / "images/kafbat.pl").read_bytes()


@pytest.fixture
def kafbat(derived):
    """The name of the stand-in's image."""
    packed = base64.b64encode(SCRIPT).decode()
    lines = (f"RUN echo {packed} | base64 -d > /tmp/kafbat.pl", 'CMD ["perl", "/tmp/kafbat.pl"]')
    return derived("kafbat", *lines) + ":4.4.0"


def kafbat_lab(image, more="", kind="kafbat"):
    return compose_lab("viewed", more).replace("{kind: none}", f"{{kind: {kind}, port: auto, image: {image}}}")


def state(container):
    return docker("container", "inspect", "--format", "{{.State.Status}}", container).strip()


def test_kafbat_shows_a_topic_and_a_record(engine_labctl, kafbat):
    """Kafbat UI starts, stops and is removed with the lab, and the check `ui` reads a record through it."""
    engine_labctl.spec(kafbat_lab(kafbat).replace("checks: quick", "checks: none"))
    up = engine_labctl.json("up")
    assert (up["ui"]["kind"], up["ui"]["state"], up["ui"]["memory"] > 0) == ("kafbat", "running", True)
    report = engine_labctl.json("check", "ui")
    assert [(check["name"], check["status"]) for check in report["checks"]] == [("ui", "passed")], report["checks"]
    assert report["endpoints"]["ui"] in report["checks"][0]["detail"]
    assert lab_objects("viewed")["container"] == ["viewed-broker", "viewed-kafka-ui"]
    ports = docker("port", "viewed-kafka-ui").split()
    assert ports[-1] == "127.0.0.1:" + report["endpoints"]["ui"].rpartition(":")[2]
    engine_labctl.run("stop", check=True)
    assert state("viewed-kafka-ui") == "exited"
    assert engine_labctl.json("status")["ui"]["state"] == "exited"
    engine_labctl.run("up", check=True)
    assert state("viewed-kafka-ui") == "running"
    assert "container viewed-kafka-ui" in engine_labctl.run("down", check=True).stderr


def test_auto_selects_kafbat_where_its_image_is_present(engine_labctl, kafbat):
    """`auto` selects Kafbat UI where its image is present, and else the lab page, without contacting a registry."""
    engine_labctl.spec(kafbat_lab(kafbat, kind="auto"))
    planned = engine_labctl.json("plan")["ui"]
    assert (planned["kind"], planned["reason"]) == ("kafbat", f"Kafbat UI, auto: {kafbat} is present")
    engine_labctl.spec(kafbat_lab("labctl-test/nowhere:1", ", pull: never", kind="auto"))
    assert engine_labctl.json("plan")["ui"]["kind"] == "page"
    engine_labctl.run("up", check=True)
    assert engine_labctl.json("check", "ui")["status"] == "passed"
    assert lab_objects("viewed")["container"] == ["viewed-broker"]


def test_kafbat_that_can_t_start(engine_labctl, kafbat):
    """`up` reports a foreign container of its name, a missing image, and a runtime without containers."""
    engine_labctl.spec(kafbat_lab(kafbat))
    docker("create", "--name", "viewed-kafka-ui", kafbat)
    try:
        refused = engine_labctl.run("up")
    finally:
        docker("rm", "--volumes", "viewed-kafka-ui")
    assert (refused.returncode, "already a container viewed-kafka-ui" in refused.stderr) == (3, True)
    engine_labctl.spec(kafbat_lab("labctl-test/nowhere:1", ", pull: never"))
    refused = engine_labctl.run("up")
    assert (refused.returncode, "image labctl-test/nowhere:1 is not present" in refused.stderr) == (3, True)
    assert engine_labctl.run("up", "--runtime", "local").returncode == 2
