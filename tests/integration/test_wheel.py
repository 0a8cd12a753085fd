"""The built wheel, as a user gets it: the templates are inside, and nothing of the source tree is needed."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.gate

SOURCE = Path(__file__).parent.parent.parent


def test_the_wheel_renders_a_lab(tmp_path):
    """Built, unpacked elsewhere, run from there."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(SOURCE)]
    subprocess.run(build, check=True, capture_output=True, timeout=100)
    (wheel,) = tmp_path.glob("kafka_labctl-*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    code = "import labctl.render; print(labctl.render.__file__, labctl.render.templates_folder(), sep='\\n')"
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "installed")}

    def run(*arguments):
        command = [sys.executable, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=60).stdout

    assert all(line.startswith(str(tmp_path)) for line in run("-c", code).splitlines())
    assert "process.roles=broker,controller" in run("-m", "labctl", "render", "-o", "-", "--runtime", "local")
    assert "KAFKA_PROCESS_ROLES" in run("-m", "labctl", "render", "-o", "-", "--runtime", "compose")
