"""The built wheel, as a user gets it: all that a lab needs is inside, and nothing of the source tree is needed."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.local, pytest.mark.gate]

SOURCE = Path(__file__).parent.parent.parent
CODE = "from labctl.rendering import templates; print(templates.__file__, templates.templates_folder(), sep='\\n')"


def test_the_wheel_brings_up_a_lab(labctl, tmp_path):
    """Built, unpacked elsewhere, run from there: a verified lab with its page, and the files of one in Docker."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(SOURCE)]
    subprocess.run(build, check=True, capture_output=True, timeout=100)
    (wheel,) = tmp_path.glob("kafka_labctl-*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    labctl.env["PYTHONPATH"] = str(tmp_path / "installed")
    command = [sys.executable, "-c", CODE]
    where = subprocess.run(command, capture_output=True, text=True, check=True, env=labctl.env, timeout=60).stdout
    assert all(line.startswith(str(tmp_path)) for line in where.splitlines()), where
    labctl.spec("listeners: {external: {port: auto}}\nui: {kind: page, port: auto}\n")
    assert "KAFKA_PROCESS_ROLES" in labctl.run("render", "-o", "-", "--runtime", "compose", check=True).stdout
    up = labctl.run("up", "--runtime", "local", check=True)
    assert "ready, verified" in up.stderr
    told = json.loads(labctl.run("report", "--format", "json", check=True).stdout)
    checks = {check["name"]: check["status"] for check in told["checks"]}
    assert checks["ui"] == "passed", checks
