"""docs/homework.ru.md, command by command, as it stands in the file."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.docker_command import docker
from tests.integration.labs import OWN_IMAGE
from tests.integration.other_clients import installed

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

TEXT = (Path(__file__).parent.parent.parent / "docs" / "homework.ru.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh (\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
STOCK = "apache/kafka:4.3.1"


@pytest.fixture
def homework(engine_labctl):
    """A folder in which the commands are typed; the image that they name is the project's own."""
    installed("jq")
    docker("tag", f"{OWN_IMAGE}:4.3.1", STOCK)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    def typed(command):
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", command],
            cwd=engine_labctl.folder,
            env=engine_labctl.env | {"PATH": path},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    yield typed
    docker("image", "rm", STOCK)


def test_every_block_is_one_of_the_two_ways():
    """None is left out."""
    assert {way for way, _commands in BLOCKS} == {"labctl", "docker"}
    assert TEXT.count("\n```sh") == len(BLOCKS) == TEXT.count("\n```\n")


def test_the_homework_with_labctl(homework):
    """From nothing to nothing, in Docker, where labctl takes it."""
    said = "".join(homework(commands) for way, commands in BLOCKS if way == "labctl")
    for expected in (
        "PartitionCount: 3",
        '{"orderid":1001,"amount":599.99}',
        "LeaderId:",
        "http://localhost:8088",
        "localhost:9094",
    ):
        assert expected in said


def test_the_homework_with_docker_alone(homework):
    """The rendered file, and no labctl after that."""
    homework("labctl render --runtime compose -o .")
    try:
        said = "".join(homework(commands) for way, commands in BLOCKS if way == "docker")
    finally:
        homework("docker compose down --volumes")
    for expected in (
        'KAFKA_PROCESS_ROLES: "broker,controller"',
        "LeaderId:",
        "PartitionCount: 3",
        '{"orderid":1001,"amount":599.99}',
        "hello, kafka",
        "отправлено: раздел",
        '{"orderid":1003,"amount":12.5}',
    ):
        assert expected in said
