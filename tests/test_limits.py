"""Limits of labctl's own process: programs of the user have those that it was started with."""

import os
import resource

import pytest

from labctl.system import limits


@pytest.fixture
def low_limit(monkeypatch):
    """A soft limit of 200 open files, with which labctl was started."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, before[1]))
    monkeypatch.setattr(limits, "_FILES_AT_START", (200, before[1]))
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_soft_limit_is_raised(low_limit):
    """To the hard limit, or 65,536 where that is higher."""
    limits.raise_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(low_limit, limits.WANTED)
    limits.raise_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(low_limit, limits.WANTED)


def test_a_program_of_the_user_has_the_limit_that_labctl_was_started_with(low_limit):
    """While it is started, the limit is the old one; afterwards labctl has its own again."""
    limits.raise_limit()
    raised = resource.getrlimit(resource.RLIMIT_NOFILE)
    with limits.as_at_start():
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 200
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == raised


@pytest.mark.parametrize(("before", "after"), [(0o000, 0o022), (0o002, 0o022), (0o077, 0o077)])
def test_nobody_else_can_write_to_new_files(before, after, monkeypatch):
    """The umask is changed for labctl, not for programs of the user."""
    monkeypatch.setattr(limits, "_UMASK_AT_START", before)
    original = os.umask(before)
    try:
        limits.keep_files_own()
        with limits.as_at_start():
            given = os.umask(0)
            os.umask(given)
        own = os.umask(0)
    finally:
        os.umask(original)
    assert (given, own) == (before, after)
