"""The pytest plugin: `kafka_lab`, `kafka_bootstrap`, `kafka_topic`.

With pytest-xdist all workers share one lab, or have one each (--kafka-labs).

@pytest.mark.kafka(preset="cluster", version="4.0.2") asks for another lab than the homework's.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
import pytest

from labctl.processes import ProcessId

if TYPE_CHECKING:
    from labctl.testing import Lab

PREFIX = "pytest"


def pytest_addoption(parser: pytest.Parser) -> None:
    """--kafka-labs: who shares a lab."""
    parser.getgroup("kafka").addoption(
        "--kafka-labs",
        choices=["shared", "per-worker"],
        default="shared",
        help="with pytest-xdist: one Kafka lab for all workers (default), or one for each",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The marker's explanation."""
    config.addinivalue_line("markers", "kafka(preset, version): the lab that a test with kafka_lab needs")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One `kafka_lab` for each kind that is asked for."""
    if "kafka_lab" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("kafka")
        wanted = dict(marker.kwargs) if marker else {}
        if marker and (marker.args or set(wanted) - {"preset", "version"}):
            raise pytest.UsageError("pytest.mark.kafka takes preset=… and version=…")
        kind = (wanted.get("preset", "homework"), wanted.get("version"))
        label = kind[0] if kind[1] is None else f"{kind[0]}-{kind[1]}"
        metafunc.parametrize("kafka_lab", [kind], indirect=True, ids=[label], scope="session")


@pytest.fixture(scope="session")
def kafka_lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A running, checked lab; made when the first test needs it."""
    from labctl.errors import LabError
    from labctl.owned import gc
    from labctl.runlog import Silent
    from labctl.store import LabStore
    from labctl.testing import Lab

    preset, version = request.param
    store = LabStore()
    with contextlib.suppress(LabError):  # what of another run can't be taken away is no fault of this one
        list(gc(store, Silent()))
    worker = getattr(request.config, "workerinput", None)
    shared = worker is not None and request.config.getoption("--kafka-labs") == "shared"
    owner = ProcessId.of(os.getppid() if shared else os.getpid())
    place = f"{os.getppid()}" if shared else f"{os.getpid()}"
    name = "-".join(filter(None, (PREFIX, place, preset, version and version.replace(".", "-"))))
    lab = Lab(preset, kafka=version, name=name, owner=owner, checks="none" if store.load(name) else "quick")
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
    """A fresh topic of one partition, for this test alone."""
    return kafka_lab.topic(prefix="".join(one if one.isalnum() else "-" for one in request.node.name)[:60])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The first process takes away the labs that its workers shared, and those of workers that were killed."""
    # what most test runs need of this is nothing: neither a folder nor an import
    if hasattr(session.config, "workerinput") or not list(_labs_folder().glob(f"{PREFIX}-*")):
        return
    from labctl.errors import LabError
    from labctl.lab import down
    from labctl.owned import is_left_over
    from labctl.runlog import Silent
    from labctl.store import LabStore

    store, me = LabStore(), ProcessId.of(os.getpid())
    for name in [one for one in store.names() if one.startswith(f"{PREFIX}-") and store.is_free(one)]:
        with contextlib.suppress(LabError):  # the next session's gc tries again
            down(name, store, Silent(), only_if=lambda record: is_left_over(record) or record.belongs_to(me))


def _labs_folder() -> Path:
    return platformdirs.user_state_path("labctl") / "labs"
