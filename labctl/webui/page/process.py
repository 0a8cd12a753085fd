"""The page's process: it starts with an open socket, so that nobody has to wait for it."""

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

from labctl.errors import HostError
from labctl.plan.model import PAGE_ADDRESS, LabPlan
from labctl.runtime.base import NodeState
from labctl.system import processes
from labctl.system.files import file_errors
from labctl.system.processes import PAGE_ARGUMENT, ProcessId
from labctl.webui.page.access import renew_page_key

BACKLOG = 100
PYTHON = (sys.executable, "-P", "-X", "utf8")  # without the current folder; UTF-8 in any locale
ANSWER_SECONDS = 5


def start_page(plan: LabPlan, reports: Path) -> None:
    """Start the lab's page, unless it runs or the lab has none; it shows the last report in the folder `reports`.

    Raises HostError where its port is in use or a file can't be written.
    """
    if plan.ui.kind != "page" or plan.ui.port is None or _running(plan):
        return
    folder = _folder(plan)
    renew_page_key(plan)
    with file_errors(folder, "free some space, or name another folder in XDG_STATE_HOME"):
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "page.log").open("wb") as log, tempfile.TemporaryFile(dir=folder) as pickled:
            pickle.dump(plan, pickled)
            pickled.seek(0)
            process = _start(plan, reports, pickled, log)
        if identity := ProcessId.of(process.pid):
            identity.save(folder / "pid.json")


def _start(plan: LabPlan, reports: Path, pickled: IO[bytes], log: IO[bytes]) -> subprocess.Popen[bytes]:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((PAGE_ADDRESS, plan.ui.port))
        except OSError as error:
            raise HostError(
                f"the lab page can't use port {plan.ui.port}: {error.strerror}",
                "end the program that uses it, set ui.port, or ui: {kind: none} in lab.yaml",
                "port-taken",
            ) from None
        # a client that connects before the server is up waits in this queue
        server.listen(BACKLOG)
        argument = f"{PAGE_ARGUMENT}{plan.state}"  # by it `down` finds what a killed labctl left
        return subprocess.Popen(
            [*PYTHON, "-m", "labctl.webui.page", str(reports), str(server.fileno()), argument],
            stdin=pickled,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[server.fileno()],
            start_new_session=True,
        )


def stop_page(plan: LabPlan) -> list[str]:
    """End the page, and return what was ended. Raises HostError where its file can't be deleted."""
    running = _running(plan)
    found = {process.pid: process for process in processes.pages_of_lab(plan.state)}
    if running:
        found[running.pid] = running
    processes.kill(list(found.values()))
    pid_file = _folder(plan) / "pid.json"
    with file_errors(pid_file, "fix the folder, then run the command again"):
        pid_file.unlink(missing_ok=True)
    return [f"page (pid {pid})" for pid in found]


def page_runs(plan: LabPlan) -> bool:
    """Return whether the lab's page runs: then the lab itself uses its port."""
    return _running(plan) is not None


def page_state(plan: LabPlan) -> NodeState | None:
    """Return the page with its memory in bytes; None where the lab has none of labctl's own."""
    if plan.ui.kind != "page" or plan.ui.port is None:
        return None
    with contextlib.suppress(psutil.Error):  # it may end at any moment
        if running := _running(plan):
            return NodeState("page", "running", memory=running.memory_info().rss)
    return NodeState("page", "missing")


def warm_page(plan: LabPlan) -> None:
    """Make the page load its libraries: the nodes are up, and it should respond at once."""
    if page_runs(plan):
        with contextlib.suppress(OSError), _connected(plan):
            pass


def wait_for_page(plan: LabPlan) -> None:
    """Wait until the page responds, ANSWER_SECONDS at most: the check `ui` reports what is wrong with it."""
    if page_runs(plan):
        with contextlib.suppress(OSError), _connected(plan) as connection:
            connection.sendall(f"GET /health HTTP/1.1\r\nHost: {PAGE_ADDRESS}\r\nConnection: close\r\n\r\n".encode())
            connection.recv(1)


def _connected(plan: LabPlan) -> socket.socket:
    return socket.create_connection((PAGE_ADDRESS, plan.ui.port or 0), ANSWER_SECONDS)


def _running(plan: LabPlan) -> psutil.Process | None:
    known = ProcessId.load(_folder(plan) / "pid.json")
    return known.process() if known else None


def _folder(plan: LabPlan) -> Path:
    return Path(plan.state) / "page"
