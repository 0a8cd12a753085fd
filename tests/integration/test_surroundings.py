"""Every command in bad surroundings: it ends soon, with an exit code of the table, and without a traceback."""

import os
import subprocess
import sys

import pytest

from labctl.cli.main import COMMANDS
from tests.integration.labs import make_labctl

pytestmark = pytest.mark.local

SECONDS = 60
EXIT_CODES = {0, 1, 2, 3, 4, 127, 141}
ARGUMENTS = {
    "up": "up --runtime compose",  # there is no engine: it ends before a node starts
    "run": "run --runtime compose -- true",
    "check": "check --bootstrap localhost:1",
    "exec": "exec broker -- ls",
    "example": "example python -o made",
    "init": "init made.yaml",
    "evidence": "evidence -o made",
    "notebook": "notebook",
    "cache": "cache list",
    "image": "image build",
    "lint": "lint compose.yaml",
    "render": "render -o made",
}
LINES = [ARGUMENTS.get(name, name) for name in COMMANDS]
LATIN = "$'caf\\xe9'"
ODD = "$'new\\nline \u0434\u043e\u043c'"
# LABCTL stands for the command
SURROUNDINGS = {
    "the current folder was removed": "mkdir gone; cd gone; rmdir ../gone; LABCTL",
    "stdout is closed": "LABCTL >&-",
    "stdout is full": "LABCTL >/dev/full",
    "stderr is closed": "LABCTL 2>&-",
    "stderr is full": "LABCTL 2>/dev/full",
    "stdin is closed": "LABCTL <&-",
    "all are closed": "LABCTL <&- >&- 2>&-",
    "nobody reads stdout": "set -o pipefail; LABCTL | true",
    "nobody reads stderr": "set -o pipefail; LABCTL 2>&1 >/dev/null | true",
    "lab.yaml is a pipe": "mkdir made-pipe; cd made-pipe; mkfifo lab.yaml; LABCTL",
    "lab.yaml is a device": "mkdir made-device; cd made-device; ln -s /dev/zero lab.yaml; LABCTL",
    "lab.yaml is a folder": "mkdir made-folder; cd made-folder; mkdir lab.yaml; LABCTL",
    "the state folder is a file": "touch file; XDG_STATE_HOME=$PWD/file LABCTL",
    "the state folder is in /proc": "XDG_STATE_HOME=/proc/labctl LABCTL",
    "there is no locale": "env -u LANG LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 LABCTL",
    "the locale is not installed": "env LC_ALL=xx_XX.UTF-8 PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 LABCTL",
    "there is no home": "env -u HOME -u XDG_STATE_HOME XDG_STATE_HOME=$PWD/state LABCTL",
    "few open files": "ulimit -n 24; LABCTL",
    "no file can grow": "trap '' XFSZ; ulimit -f 0; LABCTL",
    "there is no temporary folder": "TMPDIR=/nonexistent LABCTL",
    "nothing is on PATH": "PATH=/nonexistent LABCTL",
    "the umask forbids everything": "umask 777; LABCTL",
    "the terminal is unknown and narrow": "TERM=nothing COLUMNS=1 LINES=0 LABCTL",
    "the folder's name is not UTF-8": f"mkdir {LATIN}; cd {LATIN}; LABCTL",
    "the state folder's name is not UTF-8": f"XDG_STATE_HOME=$PWD/{LATIN} LABCTL",
    "a new line and letters in the folder": f"mkdir {ODD}; cd {ODD}; LABCTL",
}


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
        if done.returncode not in EXIT_CODES or "Traceback" in output or "defect" in output or "Exception" in output:
            found[line] = (done.returncode, output[-2000:])
        subprocess.run(["chmod", "-R", "u+rwX", os.fspath(tmp_path / str(number))], check=False)
    assert not found
