"""The limit of open files: labctl's own is raised, that of the user's programs is not."""

import resource

import pytest

from labctl.system import open_files


@pytest.fixture
def low_limit(monkeypatch):
    """A soft limit of 200 open files, with which labctl was started."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, before[1]))
    monkeypatch.setattr(open_files, "_AT_START", (200, before[1]))
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_soft_limit_is_raised(low_limit):
    """To the hard limit, or 65,536 where that is higher."""
    open_files.raise_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(low_limit, open_files.WANTED)
    open_files.raise_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(low_limit, open_files.WANTED)


def test_a_program_of_the_user_has_the_limit_that_labctl_was_started_with(low_limit):
    """While it is started, the limit is the old one; afterwards labctl has its own again."""
    open_files.raise_limit()
    raised = resource.getrlimit(resource.RLIMIT_NOFILE)
    with open_files.limit_at_start():
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 200
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == raised
