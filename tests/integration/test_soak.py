"""Sixteen kills of `make soak`: one in each step of each runtime."""

import pytest

from tests.integration.soak import RUNTIMES, STEPS, Soak

pytestmark = [pytest.mark.docker, pytest.mark.local, pytest.mark.timeout(300)]


def test_a_killed_labctl_leaves_no_orphans(docker_engine, tmp_path, record_property):
    """The system and the engine report no orphans after each kill. Bystanders are not affected."""
    killed, soak = set(), Soak(tmp_path)
    try:
        for kill in soak.kills(len(RUNTIMES) * len(STEPS)):
            record_property(f"{kill.runtime} {kill.step} after {kill.after:.2f} s", str(kill.existed))
            assert not kill.orphans, kill
            killed.add((kill.runtime, kill.step))
        assert soak.late == {}
    finally:
        soak.end()
    assert len(killed) == len(RUNTIMES) * len(STEPS)
