"""What a run leaves: its report, and of one that failed the traces that explain it and the bundle."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from labctl import report
from labctl.bundle import Traces, gather_traces, remove_bundle, write_bundle
from labctl.doctor import examine, probe_text
from labctl.errors import LabError, LabStopped, SpecError
from labctl.page.process import page_state
from labctl.parallel import both
from labctl.render import render
from labctl.results import RunResult
from labctl.runlog import RunLog
from labctl.runtime.base import NodeState, Runtime
from labctl.spec import LabSpec
from labctl.store import LabStore


def look_back(log: RunLog, runtime: Runtime | None, error: BaseException | None = None) -> Traces | None:
    """See how the run left the lab; where it failed, take the traces that explain it and must outlive the lab.

    What stopped the run may stop this too; it must not hide it.
    """
    failed = isinstance(error, LabError) and not isinstance(error, SpecError)
    wrong = failed or (error is None and log.status != "passed")
    traces, unseen = Traces((), {}), None
    try:
        if runtime:
            states, (versions, ui) = both(
                partial(runtime.nodes, memory=error is None), lambda: (runtime.versions(), _ui(log, runtime))
            )
            log.saw_nodes(states)
            log.saw_ui(ui)
            log.saw_versions(versions)
            traces = gather_traces(states, runtime) if wrong else traces
    except LabError as why:
        unseen = why
    if not wrong:
        return None
    log.explain(traces.nodes, unseen)
    return traces


@contextlib.contextmanager
def reported(log: RunLog, spec: LabSpec, folder: Path, store: LabStore) -> Iterator[None]:
    """A run that fails before it has a lab is reported too."""
    try:
        yield
    except LabError as error:
        if not log.told:
            log.failed("prepare", error)
            # there is nothing behind what these say, nor of this machine behind somebody else's Kafka
            told = isinstance(error, SpecError | LabStopped) or log.bootstrap is not None
            write_report(log, spec, folder, store, None if told else Traces((), {}))
        raise


def write_report(log: RunLog, spec: LabSpec, folder: Path, store: LabStore, traces: Traces | None) -> RunResult:
    """Write the report, and of a run that failed the bundle."""
    names = tuple(str(folder / name) for name in report.FILES.values())
    bundle = None
    try:
        if traces:
            files = render(log.plan) if log.plan else {}
            bundle = write_bundle(folder, traces, files, probe_text(examine(spec, store)), log.redactor.text)
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


def _ui(log: RunLog, runtime: Runtime) -> NodeState | None:
    return runtime.ui() or (page_state(log.plan) if log.plan else None)
