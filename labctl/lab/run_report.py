"""What a run leaves: its report, and of a failed run the artifacts that explain it and the failure bundle."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from labctl import report
from labctl.diagnostics.bundle import Artifacts, collect_artifacts, remove_bundle, write_bundle
from labctl.diagnostics.doctor import examine
from labctl.diagnostics.probe import probe_text
from labctl.errors import LabError, LabStopped, SpecError
from labctl.lab.run_log import RunLog
from labctl.results import RunResult
from labctl.runtime.access import render
from labctl.runtime.base import NodeState, Runtime
from labctl.spec.model import LabSpec
from labctl.state.store import LabStore
from labctl.system.parallel import run_pair
from labctl.webui.page.process import page_state


def collect_outcome(log: RunLog, runtime: Runtime | None, error: BaseException | None = None) -> Artifacts | None:
    """Record how the run left the lab. Return artifacts of a failed run, which must be collected before removal.

    What stopped the run may stop this too; that must not hide the first failure.
    """
    stopped = isinstance(error, LabError) and not isinstance(error, SpecError)
    failed = stopped or (error is None and log.status != "passed")
    artifacts, unavailable = Artifacts((), {}), None
    try:
        if runtime:
            states, (versions, ui, services) = run_pair(
                partial(runtime.nodes, memory=error is None),
                lambda: (runtime.versions(), _ui_state(log, runtime), runtime.services()),
            )
            log.record_nodes(states)
            log.record_ui(ui)
            log.record_services(services)
            log.record_versions(versions)
            artifacts = collect_artifacts([*states, *services], runtime) if failed else artifacts
    except LabError as why:
        unavailable = why
    if not failed:
        return None
    log.explain(artifacts.nodes, unavailable)
    return artifacts


@contextlib.contextmanager
def reported(log: RunLog, spec: LabSpec, folder: Path, store: LabStore) -> Iterator[None]:
    """Write the report of a run too that fails in the block before it has a lab."""
    try:
        yield
    except LabError as error:
        if not log.finished:
            log.record_failure("prepare", error)
            # a bundle would add nothing to these errors, and this machine says nothing about somebody else's Kafka
            explained = isinstance(error, SpecError | LabStopped) or log.bootstrap is not None
            write_report(log, spec, folder, store, None if explained else Artifacts((), {}))
        raise


def write_report(log: RunLog, spec: LabSpec, folder: Path, store: LabStore, artifacts: Artifacts | None) -> RunResult:
    """Write the report, with `artifacts` the failure bundle too, and return the run."""
    names = tuple(str(folder / name) for name in report.FILES.values())
    bundle = None
    try:
        if artifacts:
            files = render(log.plan) if log.plan else {}
            bundle = write_bundle(folder, artifacts, files, _doctor_text(spec, store), log.redactor.text)
        else:
            remove_bundle(folder)
        run = log.result(names, str(bundle) if bundle else None)
        for place in filter(None, (bundle, folder)):
            report.write(run, place)
        report.add_to_summary(run)
    except OSError as error:
        names, bundle = (), None
        log.note(f"no report: {error.filename or folder} can't be written: {error.strerror}")
    return log.finish(names, str(bundle) if bundle else None)


def _doctor_text(spec: LabSpec, store: LabStore) -> str:
    return probe_text(examine(spec, store))


def _ui_state(log: RunLog, runtime: Runtime) -> NodeState | None:
    return runtime.ui() or (page_state(log.plan) if log.plan else None)
