"""The failure bundle: a folder with all that is known of a run that failed, to look into it or to send. No secrets."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from labctl.diagnosis import NodeTrace
from labctl.errors import LabError
from labctl.parallel import run_all
from labctl.runtime.base import NodeState, Runtime

FOLDER = "failure"
WORKERS = 8


@dataclass(frozen=True, slots=True)
class Traces:
    """What the nodes of a lab left, taken before anything is removed."""

    nodes: tuple[NodeTrace, ...]
    inspected: Mapping[str, str]  # {node: what its runtime knows of it, as JSON}


def gather_traces(states: list[NodeState], runtime: Runtime) -> Traces:
    """Whole logs, and all that the runtime knows. What can't be had is left out: this must not hide the failure."""
    logs = run_all([partial(_said, partial(runtime.logs, one.name, tail=None)) for one in states], WORKERS)
    inspected = run_all([partial(_said, partial(runtime.inspect, one.name)) for one in states], WORKERS)
    nodes = [NodeTrace(one.name, one.state, one.reason, log, one.ended) for one, log in zip(states, logs, strict=True)]
    return Traces(tuple(nodes), {one.name: told for one, told in zip(states, inspected, strict=True) if told})


def write_bundle(
    folder: Path, traces: Traces, rendered: Mapping[str, str], doctor: str, hide: Callable[[str], str]
) -> Path:
    """Write the bundle into `folder`/failure, in place of the last one; each text goes through `hide`."""
    texts = {f"files/{path}": text for path, text in rendered.items()}
    texts |= {f"logs/{trace.name}.log": trace.log for trace in traces.nodes}
    texts |= {f"inspect/{node}.json": told for node, told in traces.inspected.items()}
    texts["doctor.txt"] = doctor
    remove_bundle(folder)
    bundle = folder / FOLDER
    for name, text in texts.items():
        target = bundle / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(hide(text), encoding="utf-8")
    return bundle


def remove_bundle(folder: Path) -> None:
    """Take the last failure's bundle out of `folder`."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


def _said(ask: Callable[[], str]) -> str:
    with contextlib.suppress(LabError):
        return ask()
    return ""
