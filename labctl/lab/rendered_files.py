"""The rendered files of a lab: for its nodes in its private folder, and beside lab.yaml for people."""

from __future__ import annotations

from labctl.diagnostics.redaction import secrets_in
from labctl.lab.existing import ExistingLab
from labctl.runtime.access import render
from labctl.state.store import OTHER_FOLDER
from labctl.system.files import PRIVATE_MODE, write_files

MOUNTED = 0o644  # a container's user reads mounted settings; only this user can enter the folder above them
OWN_FOLDER = "start labctl in a folder that you own, or fix this one"


def write_rendered_files(lab: ExistingLab) -> None:
    """Write the rendered files of the lab's plan. Raises HostError."""
    files = render(lab.plan)
    write_files(files, lab.files_in_use, OTHER_FOLDER, mode=MOUNTED)
    secret = secrets_in(dict(lab.plan.broker_config))
    write_files(files, lab.folder, OWN_FOLDER, mode=PRIVATE_MODE if secret else None)
