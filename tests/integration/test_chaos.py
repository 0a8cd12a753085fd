"""A few minutes of `make chaos`: one lab in each runtime."""

import random

import pytest

from tests.chaos.__main__ import season, warm_up
from tests.chaos.attacks import Attacks
from tests.chaos.lab import RUNTIMES, Lab

pytestmark = [pytest.mark.docker, pytest.mark.local, pytest.mark.timeout(900)]

SIZES = (10, 4)  # attacks


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_lab_under_attack(docker_engine, tmp_path, runtime, record_property):
    """Each attack is repaired by one `up`, no record is lost, and nothing is left."""
    lab = Lab(tmp_path / "lab", runtime)
    seed = random.randrange(2**32)
    record_property("seed", str(seed))
    try:
        warm_up(lab)
        before = lab.observed()
        lab.set_up("cluster")
        done = season(lab, Attacks(lab, random.Random(seed)), before, SIZES)
    finally:
        lab.labctl.end_started()
        lab.labctl.run("down", "--all", timeout=300)
    assert not done.faults, (seed, done.faults)
    assert done.balance.acknowledged > 0
