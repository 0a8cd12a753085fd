"""What a command asks for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from labctl.spec.model import LabSpec


@dataclass(frozen=True, slots=True)
class LabRequest:
    """The lab that a command is about: its spec, the path of lab.yaml ("": built in), and the folder for its files."""

    spec: LabSpec
    source: str
    folder: Path
