"""The pytest plugin: `kafka_lab`, `kafka_bootstrap`, `kafka_topic`.

With pytest-xdist all workers share one lab, or each has its own (--kafka-labs).

@pytest.mark.kafka(preset="cluster", version="4.0.2") selects another lab than the homework's; with faults=True its
network can be broken: `kafka_lab.fault`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
import pytest

if TYPE_CHECKING:
    from labctl.testing import Lab

PREFIX = "pytest"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --kafka-labs."""
    parser.getgroup("kafka").addoption(
        "--kafka-labs",
        choices=["shared", "per-worker"],
        default="shared",
        help="with pytest-xdist: one Kafka lab for all workers (default), or one for each",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "kafka(preset, version, faults): the lab that a test with kafka_lab needs")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize `kafka_lab` with the lab that the test's marker selects. Raises pytest.UsageError."""
    if "kafka_lab" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("kafka")
        wanted = dict(marker.kwargs) if marker else {}
        if marker and (marker.args or set(wanted) - {"preset", "version", "faults"}):
            raise pytest.UsageError("pytest.mark.kafka takes preset=…, version=… and faults=True")
        kind = (wanted.get("preset", "homework"), wanted.get("version"), bool(wanted.get("faults")))
        label = "-".join(filter(None, (kind[0], kind[1], "faults" if kind[2] else "")))
        metafunc.parametrize("kafka_lab", [kind], indirect=True, ids=[label], scope="session")


@pytest.fixture(scope="session")
def kafka_lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A running, verified lab, created when the first test needs it. Raises what entering and leaving `Lab` raises."""
    from labctl.windows import refuse_windows

    refuse_windows()  # where the others can't be imported
    from labctl.errors import LabError
    from labctl.lab.ephemeral import gc
    from labctl.lab.reporter import NullReporter
    from labctl.state.store import LabStore
    from labctl.system.processes import ProcessId
    from labctl.testing import Lab

    preset, version, faults = request.param
    store = LabStore()
    with contextlib.suppress(LabError):  # if labs of another run can't be removed, this run is not affected
        list(gc(store, NullReporter()))
    worker = getattr(request.config, "workerinput", None)
    shared = worker is not None and request.config.getoption("--kafka-labs") == "shared"
    owner = ProcessId.of(os.getppid() if shared else os.getpid())
    place = f"{os.getppid()}" if shared else f"{os.getpid()}"
    name = "-".join(filter(None, (PREFIX, place, preset, version and version.replace(".", "-"), faults and "faults")))
    checks = "none" if store.load(name) else "quick"
    lab = Lab(preset, kafka=version, name=name, owner=owner, checks=checks, faults=faults)
    lab.__enter__()
    yield lab
    if not shared:
        lab.__exit__()


@pytest.fixture
def kafka_bootstrap(kafka_lab: Lab) -> str:
    """The lab's HOST:PORT[,HOST:PORT…]."""
    return kafka_lab.bootstrap


@pytest.fixture
def kafka_topic(kafka_lab: Lab, request: pytest.FixtureRequest) -> str:
    """A new topic of one partition, for this test alone."""
    return kafka_lab.topic(prefix="".join(letter if letter.isalnum() else "-" for letter in request.node.name)[:60])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove, in the first process, the labs that its workers shared, and those of workers that were killed."""
    # most test runs have no labs: then this creates no folder and imports nothing
    if hasattr(session.config, "workerinput") or not list(_labs_folder().glob(f"{PREFIX}-*")):
        return
    from labctl.errors import LabError
    from labctl.lab.ephemeral import is_orphaned
    from labctl.lab.lifecycle import down
    from labctl.lab.reporter import NullReporter
    from labctl.state.store import LabStore
    from labctl.system.processes import ProcessId

    store, owner = LabStore(), ProcessId.of(os.getpid())
    for name in [name for name in store.names() if name.startswith(f"{PREFIX}-") and store.is_free(name)]:
        with contextlib.suppress(LabError):  # the next session's gc tries again
            down(name, store, NullReporter(), only_if=lambda record: is_orphaned(record) or record.belongs_to(owner))


def _labs_folder() -> Path:
    return platformdirs.user_state_path("labctl") / "labs"
