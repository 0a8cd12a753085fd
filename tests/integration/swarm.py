"""A swarm of engines on this machine for tests, and what its engines have of labs."""

import contextlib
import os

import pytest

from scripts import swarm_on_one_machine as machine
from tests.integration.labs import OWN_IMAGE, lab_yaml, make_labctl

IMAGE = f"{OWN_IMAGE}:4.4.0"


def require_machines():
    """Skip where this machine can have no machines of its own in namespaces, or fail where a swarm is required."""
    why = machine.missing()
    assert not why or os.environ.get("LABCTL_REQUIRE_SWARM") != "1", why
    if why:
        pytest.skip(why)


@contextlib.contextmanager
def swarm(count):
    """A swarm of `count` nodes with the project's image: yields them, the manager first."""
    nodes = machine.up(count, [IMAGE])
    try:
        yield nodes
    finally:
        machine.down()


def swarm_yaml(preset, more=""):
    """Return the lab.yaml of a preset for the swarm, with the project's image."""
    text = lab_yaml(preset).replace("kafka:\n", f"kafka:\n  image: {OWN_IMAGE}\n", 1)
    return text.replace("runtime: auto", "runtime: swarm") + more


def swarm_labctl(folder, nodes):
    """Return a labctl that uses the manager of the swarm."""
    labctl = make_labctl(folder)
    labctl.env |= {"DOCKER_HOST": nodes[0].url, "PATH": os.environ["PATH"]}
    return labctl
