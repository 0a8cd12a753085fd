"""The command `labctl` as a user runs it, and lab.yaml texts for tests."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from labctl.rendering.templates import render_template

SOURCE = Path(__file__).parent.parent.parent
REAL_HOME = Path.home()
OWN_IMAGE = "labctl/kafka"
DEFAULT_SIGNALS = """
import os, signal, sys
for number in (signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""
# runs a command that signals end, as at a terminal: in the background, and under nohup(1), a test run ignores them, and
# so would its programs
AT_A_TERMINAL = (sys.executable, "-c", DEFAULT_SIGNALS)
NO_ENGINE = "unix:///nonexistent/docker.sock"  # tests of the local runtime must not find an engine


@dataclass
class Labctl:
    """The command `labctl` as a user runs it, in its own folder and with its own state folder."""

    folder: Path
    env: dict
    started: list = field(default_factory=list)
    around: list = field(default_factory=list)  # a command that runs labctl, such as nsenter

    def run(self, *arguments, input=None, timeout=120, env=None, check=False, around=()):
        """Run labctl until it ends. `around` is a command that runs labctl, such as prlimit."""
        done = subprocess.run(
            [*self.around, *around, sys.executable, "-m", "labctl", *map(str, arguments)],
            cwd=self.folder,
            env=self.env | (env or {}),
            input=input,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
        if check:
            assert done.returncode == 0, done.stderr + done.stdout
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def start(self, *arguments, env=None):
        """Start labctl and return its process. `end_started` ends what a failed test left running."""
        process = subprocess.Popen(
            [*self.around, sys.executable, "-m", "labctl", *map(str, arguments)],
            cwd=self.folder,
            env=self.env | (env or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        self.started.append(process)
        return process

    def shell(self, line, timeout=120):
        """Run a line in a shell that finds the installed labctl, and return its output."""
        scripts = Path(sys.executable).parent
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=self.folder,
            env=self.env | {"PATH": f"{scripts}:{self.env['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def end_started(self):
        """End what `start` started and close its pipes."""
        for process in self.started:
            process.kill()
            process.communicate(timeout=10)

    def json(self, *arguments, **options):
        """Run labctl with --json and return the document, whatever the exit code is."""
        return json.loads(self.run(*arguments, "--json", **options).stdout)

    def spec(self, text, name="lab.yaml"):
        """Write a lab.yaml and return its path."""
        path = self.folder / name
        path.write_text(text)
        return path

    def tool(self, script, *arguments, input=None, check=True, node="broker"):
        """Run one of Kafka's own tools inside a node of this folder's lab."""
        return self.run("exec", node, "--", script, *arguments, input=input, check=check)

    @property
    def state(self):
        """The state folder."""
        return Path(self.env["XDG_STATE_HOME"]) / "labctl"


def lab_yaml(preset):
    """Return the lab.yaml of a preset, on free ports and without a page."""
    text = render_template(f"init/{preset}.yaml")
    return (
        re.sub(r"^ui:\n( .*\n)+", "", text, flags=re.MULTILINE).replace("port: 9094", "port: auto")
        + "ui: {kind: none}\n"
    )


def make_labctl(folder):
    """Return a labctl with its own working and state folders, which finds no engine."""
    folder.mkdir(parents=True, exist_ok=True)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("KAFKA_", "LABCTL_", "GITHUB_"))}
    return Labctl(work, env | {"XDG_STATE_HOME": str(folder / "state"), "DOCKER_HOST": NO_ENGINE})


def compose_lab(name, more="", image=OWN_IMAGE):
    """Return a lab.yaml for the compose runtime."""
    return (
        f"name: {name}\nruntime: compose\nkafka: {{image: {image}{more}}}\n"
        "listeners: {external: {port: auto}}\nui: {kind: none}\nchecks: quick\n"
    )
