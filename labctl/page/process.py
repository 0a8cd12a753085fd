"""The page's process: started with its door open, so that nobody has to wait for it; known by pid and start time."""

from __future__ import annotations

import contextlib
import pickle
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

import psutil

from labctl import processes
from labctl.errors import HostError, unwritable
from labctl.plan import LabPlan
from labctl.processes import PAGE_MARK, ProcessId
from labctl.runtime.base import NodeState

ADDRESS = "127.0.0.1"
BACKLOG = 100
ANSWER_SECONDS = 5


def page_mark(state: str) -> str:
    """The argument that the page's process has: by it `down` finds what a killed labctl left."""
    return f"{PAGE_MARK}{state}"


def start_page(plan: LabPlan, reports: Path) -> None:
    """Start the lab's page, unless the lab has none or it runs; it shows the last of `reports`.

    Raises HostError where its port is taken.
    """
    if plan.ui.kind != "page" or plan.ui.port is None or _running(plan):
        return
    folder = _folder(plan)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "page.log").open("wb") as log, tempfile.TemporaryFile(dir=folder) as decided:
            pickle.dump(plan, decided)
            decided.seek(0)
            process = _started(plan, reports, decided, log)
        if identity := ProcessId.of(process.pid):
            identity.save(folder / "pid.json")
    except OSError as error:
        raise unwritable(folder, error, "free some space, or name another folder in XDG_STATE_HOME") from None


def _started(plan: LabPlan, reports: Path, decided: IO[bytes], log: IO[bytes]) -> subprocess.Popen[bytes]:
    with socket.socket() as door:
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
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "labctl.page", str(reports), str(door.fileno()), page_mark(plan.state)],
            stdin=decided,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[door.fileno()],
            start_new_session=True,
        )


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


def page_state(plan: LabPlan) -> NodeState | None:
    """The page with its memory in bytes; None where the lab is to have none of labctl's own."""
    if plan.ui.kind != "page" or plan.ui.port is None:
        return None
    with contextlib.suppress(psutil.Error):  # it may end while it is looked at
        if running := _running(plan):
            return NodeState("page", "running", memory=running.memory_info().rss)
    return NodeState("page", "missing")


def wake_page(plan: LabPlan) -> None:
    """Have the page load what it is made of: the nodes are up, and it is to answer at once."""
    if page_runs(plan):
        with contextlib.suppress(OSError), _connected(plan):
            pass


def wait_for_page(plan: LabPlan) -> None:
    """Until the page answers, or ANSWER_SECONDS are over: the check `ui` tells what is wrong with it then."""
    if page_runs(plan):
        with contextlib.suppress(OSError), _connected(plan) as knock:
            knock.sendall(f"GET /health HTTP/1.1\r\nHost: {ADDRESS}\r\nConnection: close\r\n\r\n".encode())
            knock.recv(1)


def _connected(plan: LabPlan) -> socket.socket:
    return socket.create_connection((ADDRESS, plan.ui.port or 0), ANSWER_SECONDS)


def _running(plan: LabPlan) -> psutil.Process | None:
    known = ProcessId.load(_folder(plan) / "pid.json")
    return known.process() if known else None


def _folder(plan: LabPlan) -> Path:
    return Path(plan.state) / "page"
