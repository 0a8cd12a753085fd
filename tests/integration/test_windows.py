"""Windows: a sentence that names WSL 2 in place of a traceback, before a module is imported that Windows lacks."""

import os
import subprocess
import sys

import pytest

from tests.integration.labs import SOURCE

pytestmark = pytest.mark.local


def python(code):
    """Run `code` in a Python for Windows, as far as labctl could notice."""
    env = os.environ | {"PYTHONPATH": f"{SOURCE / 'tests' / 'windows'}:{SOURCE}"}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("command", ["up", "--help", "lint compose.yml", ""])
def test_every_command_names_wsl_2(command):
    """Exit code 3, a sentence and a remedy on stderr, nothing on stdout."""
    done = python(f"import sys\nsys.argv = ['labctl', *{command.split()}]\nfrom labctl.__main__ import main\nmain()")
    assert (done.returncode, done.stdout) == (3, "")
    problem, remedy = done.stderr.splitlines()
    assert problem == "labctl: labctl does not run on Windows itself, it runs in WSL 2 (Windows Subsystem for Linux)"
    assert "wsl --install" in remedy


def test_the_plugin_does_not_break_pytest():
    """A test run without a lab passes; `Lab` raises the same sentence."""
    done = python("import labctl.testing.plugin\nprint('loaded')\nfrom labctl.testing import Lab")
    assert done.stdout == "loaded\n"
    assert done.stderr.splitlines()[-1].startswith("labctl.errors.HostError: labctl does not run on Windows itself")
