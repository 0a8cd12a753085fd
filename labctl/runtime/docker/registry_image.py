"""An image of the schema registry built on this machine, for users offline or behind a pull limit."""

from __future__ import annotations

import shutil
from pathlib import Path

from labctl.rendering.templates import render_template
from labctl.runtime.base import Progress
from labctl.runtime.docker.engine import Engine
from labctl.runtime.docker.image import build_folder, own_java, write_program
from labctl.runtime.jvm.jvm_options import QUICK_START, argument_file
from labctl.runtime.jvm.service_cache import REGISTRY_OPTIONS, registry_classpath, registry_folder
from labctl.service_kinds import SERVICES
from labctl.services.schema_registry import MAIN_CLASS, VERSION
from labctl.state.store import OTHER_FOLDER, LabStore
from labctl.state.work_folders import work_folder
from labctl.system.files import file_errors

REPOSITORY = "labctl/apicurio-registry"
INSIDE = Path("/opt/registry/app")


def build_registry_image(base: str, tag: str, progress: Progress) -> str:
    """Build the image of the schema registry on `base`, and return its name. Raises HostError, RuntimeFailed."""
    kind = Engine().version().kind
    java = own_java()
    app = registry_folder(progress) / "app"
    name = tag or f"{REPOSITORY}:{VERSION}"
    progress.note(f"building {name} on {base}: Apicurio Registry {VERSION}, Java {java.version}")
    values = {
        "version": VERSION,
        "base": base,
        "main_class": MAIN_CLASS,
        "quick_start": QUICK_START,
        "path": SERVICES["schema_registry"].path,
    }
    with work_folder(LabStore().root, "image") as folder:
        (folder / "Dockerfile").write_text(render_template("image/registry/Dockerfile.j2", **values), encoding="utf-8")
        (folder / "bin").mkdir()
        for program in ("run", "train"):
            write_program(folder / "bin" / program, render_template(f"image/registry/{program}.j2", **values))
        classpath = ":".join(str(INSIDE / jar.relative_to(app)) for jar in registry_classpath(app))
        arguments = argument_file([*REGISTRY_OPTIONS, "-cp", classpath])
        (folder / "bin" / "java.args").write_text(arguments, encoding="utf-8")
        with file_errors(folder, OTHER_FOLDER):
            shutil.copytree(java.executable.parent.parent, folder / "java", symlinks=True)
            shutil.copytree(app, folder / "app")
        build_folder(folder, name, base, kind)
    return name
