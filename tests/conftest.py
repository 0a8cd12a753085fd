"""Each test gets its own folders; a unit test that sleeps or starts a program fails."""

import subprocess
import time
from pathlib import Path

import pytest

from labctl.system.ports import is_free

collect_ignore = ["sample_project"]  # another project: its tests are run by tests/integration/test_plugin.py
INTEGRATION = Path(__file__).parent / "integration"


# Outside the gate a test may fail on a slow machine and is run again. Each retry is printed, and is a bug to fix.
# A test that hangs is not run again.
RETRIES = pytest.mark.flaky(reruns=2, rerun_except="from pytest-timeout")


def pytest_collection_modifyitems(items):
    for item in items:
        if INTEGRATION not in item.path.parents:
            item.add_marker("unit")
        elif not item.get_closest_marker("gate"):
            item.add_marker(RETRIES)


def pytest_terminal_summary(terminalreporter):
    for report in terminalreporter.stats.get("rerun", ()):
        terminalreporter.section(f"retried: {report.nodeid}")
        terminalreporter.line(report.longreprtext)


def pytest_configure(config):
    config.addinivalue_line("markers", "unit: no sleep, no Docker, no JVM (every test outside tests/integration)")


@pytest.fixture(autouse=True)
def own_folders(request, tmp_path, monkeypatch):
    """Give the test its own state folder and work folder, and a unit test its own cache."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("KAFKA_HOME", "LABCTL_MAVEN_URL", "GITHUB_STEP_SUMMARY", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    if request.node.get_closest_marker("unit"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("PATH", str(tmp_path))  # no docker, no java
        for module in ("system.ports", "state.identity", "lab.inner_address"):
            monkeypatch.setattr(f"labctl.{module}.is_free", _is_free)
        monkeypatch.setattr(time, "sleep", _forbidden("sleep"))
        monkeypatch.setattr(subprocess, "Popen", _forbidden("start a program"))
    return tmp_path


@pytest.fixture
def fake_lab(monkeypatch, tmp_path):
    """Return a lab whose runtime and Kafka are fakes."""
    from tests.fake_lab import FakeLab

    return FakeLab(monkeypatch, tmp_path)


def _is_free(address, port):
    """Whether the port is free; Kafka's internal ports are, also on a machine whose Kafka has them on every address."""
    return port in {9092, 9093} or is_free(address, port)


def _forbidden(action):
    def fail(*args, **_kwargs):
        raise AssertionError(f"a unit test must not {action}: {args[:1]}")

    return fail
