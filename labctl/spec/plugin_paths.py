"""The plugins of Kafka Connect that a lab.yaml names by their path."""

from __future__ import annotations

from pathlib import Path

from labctl.spec.formats import MAVEN
from labctl.spec.model import LabSpec


def with_plugin_paths(spec: LabSpec, folder: Path) -> LabSpec:
    """Return `spec` with the absolute paths of its plugins: in lab.yaml they are relative to `folder`."""
    connect = spec.services.connect
    if connect is None or not connect.plugins:
        return spec
    plugins = [each if each.startswith(MAVEN) else str((folder / each).resolve()) for each in connect.plugins]
    services = spec.services.model_copy(update={"connect": connect.model_copy(update={"plugins": plugins})})
    return spec.model_copy(update={"services": services})
