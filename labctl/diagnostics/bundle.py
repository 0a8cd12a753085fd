"""The failure bundle: a folder with everything that is known of a failed run, to read or to send. It has no secrets."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath

from labctl.diagnostics.diagnosis import NodeTrace
from labctl.errors import LabError
from labctl.runtime.base import NodeState, Runtime
from labctl.system.own_folder import own_folder
from labctl.system.parallel import run_all

FOLDER = "failure"
WORKERS = 8


@dataclass(frozen=True, slots=True)
class Artifacts:
    """What a failed run left of its nodes, collected before anything is removed."""

    nodes: tuple[NodeTrace, ...]
    inspected: Mapping[str, str]  # {node: what its runtime knows of it, as JSON}


def collect_artifacts(states: list[NodeState], runtime: Runtime) -> Artifacts:
    """Return complete logs, and everything that the runtime knows. What can't be read is left out."""
    logs = run_all([partial(_output, partial(runtime.logs, state.name, tail=None)) for state in states], WORKERS)
    inspected = run_all([partial(_output, partial(runtime.inspect, state.name)) for state in states], WORKERS)
    nodes = [
        NodeTrace(state.name, state.state, state.reason, log, state.ended)
        for state, log in zip(states, logs, strict=True)
    ]
    return Artifacts(tuple(nodes), {state.name: text for state, text in zip(states, inspected, strict=True) if text})


def write_bundle(
    folder: Path, artifacts: Artifacts, rendered: Mapping[str, str], doctor: str, hide: Callable[[str], str]
) -> Path:
    """Write the bundle into `folder`/failure, in place of the last bundle, and return its path. Raises OSError.

    Each text goes through `hide` first.
    """
    texts = {f"files/{path}": text for path, text in rendered.items()}
    texts |= {f"logs/{trace.name}.log": trace.log for trace in artifacts.nodes}
    texts |= {f"inspect/{node}.json": text for node, text in artifacts.inspected.items()}
    texts["doctor.txt"] = doctor
    remove_bundle(folder)
    for name, text in texts.items():
        with own_folder(folder, PurePath(FOLDER, name).parent, create=True) as parent:
            parent.write(PurePath(name).name, hide(text))
    return folder / FOLDER


def remove_bundle(folder: Path) -> None:
    """Remove the bundle of the last failure from `folder`."""
    with contextlib.suppress(OSError), own_folder(folder) as parent:
        parent.remove_tree(FOLDER)


def _output(read: Callable[[], str]) -> str:
    with contextlib.suppress(LabError):
        return read()
    return ""
