"""Sixteen of the kills of `make soak`: one in each step of each runtime."""

import pytest

from tests.integration.soak import RUNTIMES, STEPS, Soak

pytestmark = [pytest.mark.docker, pytest.mark.local, pytest.mark.timeout(300)]


def test_nothing_is_left_of_a_labctl_that_was_killed(docker_engine, tmp_path, record_property):
    """By the account of the system and of the engine; bystanders live on."""
    seen, soak = set(), Soak(tmp_path)
    try:
        for one in soak.kills(len(RUNTIMES) * len(STEPS)):
            record_property(f"{one.runtime} {one.step} after {one.after:.2f} s", str(one.existed))
            assert not one.left, one
            seen.add((one.runtime, one.step))
        assert soak.late == {}
    finally:
        soak.end()
    assert len(seen) == len(RUNTIMES) * len(STEPS)
