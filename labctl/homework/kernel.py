"""`python -P -m labctl.homework.kernel -f CONNECTION_FILE`: the notebook's kernel, without any TCP port.

ipykernel opens one for the output of forked processes, whatever transport the kernel has; every user of the machine can
connect to it. With -P, modules beside the notebook are not imported in place of installed ones.
"""

from typing import Any

from ipykernel import kernelapp
from ipykernel.iostream import IOPubThread


class PrivateIOPubThread(IOPubThread):
    """The thread that sends the output of cells, of this process alone."""

    def __init__(self, socket: Any, pipe: bool = False, **options: Any) -> None:
        super().__init__(socket, pipe=False, **options)  # type: ignore[no-untyped-call]


vars(kernelapp)["IOPubThread"] = PrivateIOPubThread
kernelapp.launch_new_instance()
