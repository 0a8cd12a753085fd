"""The page's process: started with its door open, so that nobody has to wait for it; known by pid and start time."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil

from labctl import processes
from labctl.errors import HostError
from labctl.plan import LabPlan
from labctl.processes import PAGE_MARK, ProcessId

ADDRESS = "127.0.0.1"
BACKLOG = 100
NICENESS = 10  # it starts beside the nodes, and they come first


def page_mark(state: str) -> str:
    """The argument that the page's process has: by it `down` finds what a killed labctl left."""
    return f"{PAGE_MARK}{state}"


def start_page(plan: LabPlan) -> None:
    """Start the lab's page, unless the lab has none or it runs. Raises HostError where its port is taken."""
    if plan.ui.kind != "page" or plan.ui.port is None or _running(plan):
        return
    folder = _folder(plan)
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as door, (folder / "page.log").open("wb") as log:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((ADDRESS, plan.ui.port))
        except OSError as error:
            raise HostError(
                f"the lab page can't have port {plan.ui.port}: {error.strerror}",
                "end the program that has it, set ui.port, or ui: {kind: none} in lab.yaml",
                "port-taken",
            ) from None
        # who connects before the server is up waits in this queue
        door.listen(BACKLOG)
        process = subprocess.Popen(
            [sys.executable, "-m", "labctl.page", plan.name, str(door.fileno()), page_mark(plan.state)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[door.fileno()],
            start_new_session=True,
            preexec_fn=_step_back,  # noqa: PLW1509 - os.nice alone
        )
    identity = ProcessId.of(process.pid)
    if identity:
        identity.save(folder / "pid.json")


def stop_page(plan: LabPlan) -> list[str]:
    """End the page; what was ended."""
    running = _running(plan)
    found = {one.pid: one for one in processes.with_argument(page_mark(plan.state))}
    if running:
        found[running.pid] = running
    processes.kill(list(found.values()))
    (_folder(plan) / "pid.json").unlink(missing_ok=True)
    return [f"page (pid {pid})" for pid in found]


def page_runs(plan: LabPlan) -> bool:
    """Whether the lab's page is there: its port is taken then, by the lab itself."""
    return _running(plan) is not None


def _running(plan: LabPlan) -> psutil.Process | None:
    known = ProcessId.load(_folder(plan) / "pid.json")
    return known.process() if known else None


def _folder(plan: LabPlan) -> Path:
    return Path(plan.state) / "page"


def _step_back() -> None:
    os.nice(NICENESS)
