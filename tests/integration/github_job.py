"""A GitHub job on this machine, for tests of the workflow steps in this repository."""

import subprocess

from tests.integration.labs import SOURCE


class Job:
    """A GitHub job on this machine: files for environment, outputs and PATH, and a shell for each step."""

    def __init__(self, folder, env):
        self.folder = folder
        self._env = dict(env)
        self._files = {name: self.folder / name.lower() for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH")}
        self._summary = self.folder / "summary.md"
        for path in (*self._files.values(), self._summary):
            path.touch()
        (self.folder / "temp").mkdir()

    def step(self, run, env=()):
        """Run a step as GitHub's bash does, and return its exit code and output."""
        exported = self._read("GITHUB_ENV")
        path = ":".join([*reversed(self._files["GITHUB_PATH"].read_text().split()), self._env["PATH"]])
        variables = {name: str(file) for name, file in self._files.items()}
        variables |= {"RUNNER_TEMP": str(self.folder / "temp"), "GITHUB_STEP_SUMMARY": str(self._summary)}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", run],
            cwd=self.folder,
            env=self._env | {"GITHUB_ACTION_PATH": str(SOURCE)} | variables | exported | {"PATH": path} | dict(env),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    @property
    def outputs(self):
        """The outputs of the steps."""
        return self._read("GITHUB_OUTPUT")

    @property
    def summary(self):
        """The job's summary."""
        return self._summary.read_text()

    def _read(self, name):
        return dict(line.split("=", 1) for line in self._files[name].read_text().splitlines())
