"""The lab.yaml that `labctl init --from` makes of a Compose file is a lab that comes up and is verified."""

from pathlib import Path

import pytest

pytestmark = [pytest.mark.local, pytest.mark.timeout(300)]

FILES = Path(__file__).parent.parent / "compose"
NAMES = [
    "migrate/bitnami-three",
    "migrate/bitnami-zookeeper",
    "migrate/confluent-zookeeper",
    "migrate/wurstmeister",
    "sound/isolated-controllers",
    "sound/limits",
    "sound/list-environment",
    "sound/mounted-configuration",
    "sound/three-and-a-user-interface",
    "sound/whole-stack",
    "faulty/half-translated",
]


@pytest.mark.parametrize("name", NAMES)
def test_the_lab_of_a_compose_file_is_verified(labctl, name):
    """`init --from`, then `up`: nodes, topics and settings of the file, checked."""
    labctl.run("init", "--from", str(FILES / f"{name}.yml"), check=True)
    document = labctl.json("up", "--runtime", "local", "--ports", "auto", "--checks", "quick", timeout=200)
    assert document["status"] == "passed"
