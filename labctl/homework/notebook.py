"""The notebook kafka.ipynb: the lab from Python, for a student; written for a lab, and run on it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from labctl.errors import HostError, LabError
from labctl.kafka.client_settings import login_as
from labctl.plan.model import LabPlan
from labctl.rendering.templates import render_template
from labctl.state.store import LabStore
from labctl.state.work_folders import short_place, work_folder
from labctl.system.files import write_file, write_files
from labctl.system.parallel import run_with_timeout

KERNEL = "labctl"
IGNORE_FOLDER = ["--InteractiveShellApp.ignore_cwd=True"]  # IPython before 9.7 imports from it in spite of -P
CELL_SECONDS = 120
RUN_SECONDS = 400
# bytes of the state folder's path: that of a socket in it has 35 more, of 107, on macOS of 103
LONGEST = 65
EXTRA = "pip install '.[notebook]' in labctl's checkout"


class NotebookFailed(LabError):
    """A cell of the notebook ended with an error (exit 1)."""

    exit_code = 1


def make_notebook(plan: LabPlan) -> Any:
    """Return the notebook for the lab, not run yet. Raises HostError where its libraries are missing."""
    try:
        import jupytext
    except ImportError:
        raise HostError("the notebook's libraries are not installed", EXTRA, "no-notebook") from None
    text = render_template(
        "notebook/kafka.py.j2",
        plan=plan,
        topic=plan.main_topic,
        bootstrap=list(plan.external_addresses),
        login=login_as(plan),
        group="notebook",
        node=plan.brokers[0].name,
        internal=plan.internal_bootstrap,
    )
    notebook = jupytext.reads(text, fmt="py:percent")
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


def run_notebook(notebook: Any, folder: Path) -> None:
    """Run all cells in `folder`, and put their output into the notebook. Raises NotebookFailed, HostError."""
    try:
        from jupyter_client.kernelspec import KernelSpecManager
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError
        from traitlets.config import Config
    except ImportError:
        raise HostError("the notebook's libraries are not installed", EXTRA, "no-notebook") from None
    # every user of this machine could connect to a kernel on a TCP port
    with work_folder(LabStore().root, "notebook", _socket_place()) as private:
        write_files({f"kernels/{KERNEL}/kernel.json": _kernel_spec()}, private, "free some space in it")
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            kernel_name=KERNEL,
            resources={"metadata": {"path": str(folder)}},
            config=Config(
                KernelManager={
                    "transport": "ipc",
                    "ip": f"{private}/kernel",
                    "connection_file": f"{private}/connection.json",
                }
            ),
        )
        client.create_kernel_manager().kernel_spec_manager = KernelSpecManager(kernel_dirs=[f"{private}/kernels"])
        try:
            # in a thread: in the main thread nbclient handles the signals itself
            run_with_timeout(client.execute, RUN_SECONDS)
        except CellExecutionError as error:
            last = str(error).strip().splitlines()[-1]
            raise NotebookFailed(f"a cell of the notebook failed: {last}", "is the lab up? labctl status") from None
        except Exception as error:  # noqa: BLE001 - nbclient's, jupyter_client's and ZeroMQ's own
            raise NotebookFailed(f"the notebook did not finish: {error}", "run it again") from None
        finally:
            _end_kernel(client)


def _socket_place() -> Path | None:
    """Where the folder of the kernel's sockets is: elsewhere if their paths would be too long (unix(7))."""
    return None if len(os.fsencode(LabStore().root)) <= LONGEST else short_place()


def _kernel_spec() -> str:
    """The command of the kernel, for Jupyter."""
    command = [sys.executable, "-P", "-m", "labctl.homework.kernel", "-f", "{connection_file}", *IGNORE_FOLDER]
    return json.dumps({"argv": command, "display_name": "Python 3", "language": "python"})


def _end_kernel(client: Any) -> None:
    """End the kernel's process where nbclient did not: after an interrupt it still runs."""
    process = getattr(getattr(client.km, "provisioner", None), "process", None)
    if process is not None:
        process.kill()


def write_notebook(notebook: Any, path: Path) -> None:
    """Write the notebook as .ipynb. Raises HostError."""
    import nbformat

    write_file(path, nbformat.writes(notebook) + "\n", "name another file: -o FILE")
