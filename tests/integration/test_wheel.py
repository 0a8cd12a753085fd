"""The built wheel has everything that a lab needs, and works without the source tree."""

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
    """From an unpacked wheel labctl starts a lab with its page, all checks pass, and `render` works."""
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
    report = json.loads(labctl.run("report", "--format", "json", check=True).stdout)
    checks = {check["name"]: check["status"] for check in report["checks"]}
    assert checks["ui"] == "passed", checks
