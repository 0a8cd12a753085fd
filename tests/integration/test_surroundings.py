"""Every command in bad surroundings: it ends soon, with an exit code of the table, and without a traceback."""

import os
import subprocess
import sys

import pytest

from labctl.cli.main import COMMANDS
from tests.integration.labs import make_labctl
from tests.integration.surroundings import SURROUNDINGS, fault_of

pytestmark = pytest.mark.local

SECONDS = 60
ARGUMENTS = {
    "up": "up --runtime compose",  # there is no engine: it ends before a node starts
    "run": "run --runtime compose -- true",
    "check": "check --bootstrap localhost:1",
    "exec": "exec broker -- ls",
    "example": "example python -o made",
    "init": "init made.yaml",
    "evidence": "evidence -o made",
    "notebook": "notebook",
    "cache": "cache ls",
    "image": "image build",
    "lint": "lint compose.yaml",
    "render": "render -o made",
}
LINES = [ARGUMENTS.get(name, name) for name in COMMANDS]


@pytest.mark.parametrize("surroundings", SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_no_command_ends_with_a_traceback(tmp_path, surroundings):
    """Each command of `labctl --help`."""
    found = {}
    for number, line in enumerate(LINES):
        labctl = make_labctl(tmp_path / str(number))
        (labctl.folder / "compose.yaml").write_text("services: {kafka: {image: apache/kafka}}\n")
        script = surroundings.replace("LABCTL", f"{sys.executable} -m labctl {line}")
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=labctl.folder,
            env=labctl.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        output = (done.stdout + done.stderr).decode(errors="replace")
        fault = fault_of(done.returncode, output) or ("Exception" in output and "an exception")
        if fault:
            found[line] = (fault, output[-2000:])
        subprocess.run(["chmod", "-R", "u+rwX", os.fspath(tmp_path / str(number))], check=False)
    assert not found


def test_help_on_a_full_stdout(tmp_path):
    """Every command names stdout, and not a file."""
    labctl = make_labctl(tmp_path)
    for line in ("--version", "--help", *(f"{name} --help" for name in COMMANDS)):
        script = f"{sys.executable} -m labctl {line} >/dev/full"
        done = subprocess.run(["bash", "-c", script], env=labctl.env, capture_output=True, text=True, check=False)
        assert (done.returncode, "stdout can't be written" in done.stderr) == (3, True), (line, done.stderr)
