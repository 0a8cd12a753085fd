"""The page's process: it starts with an open socket, so that nobody has to wait for it."""

from __future__ import annotations

import contextlib
import pickle
import socket
import tempfile
from pathlib import Path

from labctl.errors import HostError
from labctl.plan.model import PAGE_ADDRESS, LabPlan
from labctl.runtime.base import NodeState
from labctl.runtime.lab_process import LabProcess
from labctl.system.files import file_errors
from labctl.system.processes import PAGE_ARGUMENT
from labctl.webui.page.access import renew_page_key

BACKLOG = 100
ANSWER_SECONDS = 5


def start_page(plan: LabPlan, reports: Path) -> None:
    """Start the lab's page, unless it runs or the lab has none; it shows the last report in the folder `reports`.

    Raises HostError where its port is in use or a file can't be written.
    """
    page = _process(plan)
    if plan.ui.kind != "page" or plan.ui.port is None or page.running:
        return
    renew_page_key(plan)
    with file_errors(page.folder, "free some space, or name another folder in XDG_STATE_HOME"):
        page.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=page.folder) as pickled, _open_socket(plan.ui.port) as server:
            pickle.dump(plan, pickled)
            arguments = (str(reports), str(server.fileno()))
            page.start("labctl.webui.page", *arguments, stdin=pickled, sockets=[server.fileno()])


def _open_socket(port: int) -> socket.socket:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((PAGE_ADDRESS, port))
    except OSError as error:
        server.close()
        raise HostError(
            f"the lab page can't use port {port}: {error.strerror}",
            "end the program that uses it, set ui.port, or ui: {kind: none} in lab.yaml",
            "port-taken",
        ) from None
    server.listen(BACKLOG)  # a client that connects before the page is up waits in this queue
    return server


def stop_page(plan: LabPlan) -> list[str]:
    """End the page, and return what was ended. Raises HostError where its file can't be deleted."""
    return _process(plan).stop()


def restart_page(plan: LabPlan, reports: Path) -> None:
    """Make the page show a lab whose plan has changed; one that does not run stays so. Raises HostError."""
    if page_runs(plan):
        stop_page(plan)
        start_page(plan, reports)


def page_runs(plan: LabPlan) -> bool:
    """Return whether the lab's page runs: then the lab itself uses its port."""
    return _process(plan).running is not None


def page_state(plan: LabPlan) -> NodeState | None:
    """Return the page with its memory in bytes; None where the lab has none of labctl's own."""
    if plan.ui.kind != "page" or plan.ui.port is None:
        return None
    return _process(plan).state()


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


def _process(plan: LabPlan) -> LabProcess:
    return LabProcess("page", PAGE_ARGUMENT, plan.state)
