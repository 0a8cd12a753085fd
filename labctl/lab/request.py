"""What a command requests: a lab, from a lab.yaml or a preset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from labctl.errors import SpecError
from labctl.rendering.templates import presets, render_template
from labctl.spec.loader import parse_spec
from labctl.spec.model import LabSpec


@dataclass(frozen=True, slots=True)
class LabRequest:
    """The lab that a command is about: its spec, the path of lab.yaml ("": built in), and the folder for its files."""

    spec: LabSpec
    source: str
    folder: Path
    export: Path | None = None  # what `labctl export` wrote: the lab begins with its data


def preset_spec(name: str) -> LabSpec:
    """Return the spec of the preset called `name`. Raises SpecError where there is no such preset."""
    if name not in presets():
        raise SpecError([f"there is no preset {name}; there are {', '.join(presets())}"])
    return parse_spec(render_template(f"init/{name}.yaml"), f"preset {name}")
