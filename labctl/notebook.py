"""The notebook kafka.ipynb: the lab from Python, for a student; written for the lab at hand, and run on it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from labctl.environment import login_as
from labctl.errors import HostError, LabError
from labctl.parallel import in_time
from labctl.plan import LabPlan
from labctl.render import render_template

CELL_SECONDS = 120
RUN_SECONDS = 400
EXTRA = "pip install 'kafka-labctl[notebook]'"


class NotebookFailed(LabError):
    """A cell of the notebook ended with an error (exit 1)."""

    exit_code = 1


def make_notebook(plan: LabPlan) -> Any:
    """The notebook for the lab, not run yet. Raises HostError where its libraries are missing."""
    try:
        import jupytext
    except ImportError:
        raise HostError("the notebook's libraries are not installed", EXTRA, "no-notebook") from None
    text = render_template(
        "notebook/kafka.py.j2",
        plan=plan,
        topic=plan.main_topic,
        bootstrap=plan.external.split(","),
        login=login_as(plan),
        group="notebook",
        node=plan.brokers[0].name,
        inside=plan.internal,
    )
    made = jupytext.reads(text, fmt="py:percent")
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return made


def run_notebook(notebook: Any, folder: Path) -> None:
    """Run all cells in `folder`; what they print is in the notebook then. Raises NotebookFailed, HostError."""
    try:
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError
        from traitlets.config import Config
    except ImportError:
        raise HostError("the notebook's libraries are not installed", EXTRA, "no-notebook") from None
    # a kernel behind a TCP port could be asked by every user of this machine
    with TemporaryDirectory(prefix="labctl-", ignore_cleanup_errors=True) as sockets:
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": str(folder)}},
            config=Config(KernelManager={"transport": "ipc", "ip": f"{sockets}/kernel"}),
        )
        try:
            in_time(client.execute, RUN_SECONDS)  # in a thread: in the main one nbclient takes the signals for itself
        except CellExecutionError as error:
            last = str(error).strip().splitlines()[-1]
            raise NotebookFailed(f"a cell of the notebook failed: {last}", "is the lab up? labctl status") from None
        except Exception as error:  # noqa: BLE001 - nbclient's, jupyter_client's and ZeroMQ's own
            raise NotebookFailed(f"the notebook did not come to its end: {error}", "run it again") from None
        finally:
            _end_kernel(client)


def _end_kernel(client: Any) -> None:
    """End the kernel's process where nbclient did not: an interrupt leaves it behind."""
    process = getattr(getattr(client.km, "provisioner", None), "process", None)
    if process is not None:
        process.kill()


def write_notebook(notebook: Any, path: Path) -> None:
    """Write it as .ipynb. Raises HostError."""
    import nbformat

    try:
        nbformat.write(notebook, path)
    except OSError as error:
        raise HostError(f"{path} can't be written: {error.strerror}", "name another file: -o FILE") from None
