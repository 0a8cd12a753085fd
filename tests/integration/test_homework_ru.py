"""The commands of docs/homework.ru.md, run as they are in the file."""

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
STOCK = "apache/kafka:4.4.0"


@pytest.fixture
def homework(engine_labctl):
    """A function that runs commands in an empty folder, where the project's image has the name of the stock image."""
    installed("jq")
    docker("tag", f"{OWN_IMAGE}:4.4.0", STOCK)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    def run(command):
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

    yield run
    docker("image", "rm", STOCK)


def test_every_block_is_for_labctl_or_for_docker():
    """Each shell block is for labctl or for Docker, so that the tests below run all of them."""
    assert {tool for tool, _commands in BLOCKS} == {"labctl", "docker"}
    assert TEXT.count("\n```sh") == len(BLOCKS) == TEXT.count("\n```\n")


def test_the_homework_with_labctl(homework):
    """The blocks for labctl do the whole homework."""
    output = "".join(homework(commands) for tool, commands in BLOCKS if tool == "labctl")
    for expected in (
        "PartitionCount: 3",
        '{"orderid":1001,"amount":599.99}',
        "LeaderId:",
        "http://localhost:8088",
        "localhost:9094",
    ):
        assert expected in output


def test_the_homework_with_docker_alone(homework):
    """The blocks for Docker do the whole homework with the rendered file and without labctl."""
    homework("labctl render --runtime compose -o .")
    try:
        output = "".join(homework(commands) for tool, commands in BLOCKS if tool == "docker")
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
        assert expected in output
