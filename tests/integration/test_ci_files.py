"""action.yml and docs/ci.md: their shell steps, taken from the files themselves and run as a CI system runs them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

pytestmark = [pytest.mark.local, pytest.mark.network, pytest.mark.timeout(400)]

SOURCE = Path(__file__).parent.parent.parent
ACTION = YAML(typ="safe").load(SOURCE / "action.yml")
EXAMPLES = [
    YAML(typ="safe").load(block)
    for block in re.findall(r"^```yaml\n(.*?)^```$", (SOURCE / "docs/ci.md").read_text(), re.MULTILINE | re.DOTALL)
]
GITHUB = next(one["jobs"]["tests"] for one in EXAMPLES if "jobs" in one)
GITLAB = next(one["tests"] for one in EXAMPLES if "tests" in one)
USES = next(step for step in GITHUB["steps"] if "labctl" in step.get("uses", ""))
LAB = "listeners: {external: {port: auto}}\nui: {kind: none}\n"
SEND = """
import os, sys
from kafka import KafkaProducer
bootstrap = sys.argv[1] if len(sys.argv) > 1 else os.environ["KAFKA_BOOTSTRAP_SERVERS"]
producer = KafkaProducer(bootstrap_servers=bootstrap)
print("offset", producer.send("orders", b"an order").get(10).offset)
producer.close()
"""


class Job:
    """A GitHub job of this machine: files for environment, outputs and PATH, a shell for each step."""

    def __init__(self, labctl):
        self.folder = labctl.folder
        self._env = dict(labctl.env)
        self._files = {name: self.folder / name.lower() for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH")}
        self._summary = self.folder / "summary.md"
        for path in (*self._files.values(), self._summary):
            path.touch()
        (self.folder / "temp").mkdir()

    def step(self, run, env=()):
        """Run a step as GitHub's bash does; its exit code and what it printed."""
        kept = self._read("GITHUB_ENV")
        path = ":".join([*reversed(self._files["GITHUB_PATH"].read_text().split()), self._env["PATH"]])
        told = {name: str(file) for name, file in self._files.items()}
        told |= {"RUNNER_TEMP": str(self.folder / "temp"), "GITHUB_STEP_SUMMARY": str(self._summary)}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", run],
            cwd=self.folder,
            env=self._env | {"GITHUB_ACTION_PATH": str(SOURCE)} | told | kept | {"PATH": path} | dict(env),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def action(self, given):
        """The action's own steps with these inputs, up to the first that fails."""
        inputs = {name: str(given.get(name, one["default"])) for name, one in ACTION["inputs"].items()}
        assert set(given) <= set(inputs)
        for step in ACTION["runs"]["steps"]:
            if "run" in step:
                env = {
                    name: re.sub(r"\$\{\{ inputs\.(\w+) }}", lambda match: inputs[match[1]], value)
                    for name, value in step.get("env", {}).items()
                }
                code, said = self.step(step["run"], env)
                if code:
                    break
        return code, said

    @property
    def outputs(self):
        """What the action hands on."""
        return self._read("GITHUB_OUTPUT")

    @property
    def summary(self):
        """The job's summary."""
        return self._summary.read_text()

    def _read(self, name):
        return dict(line.split("=", 1) for line in self._files[name].read_text().splitlines())


@pytest.fixture
def job(labctl):
    """A job in whose checkout the example's script lies; it finds kafka-python, as a project that needs it has it."""
    one = Job(labctl)
    (one.folder / "tests").mkdir()
    (one.folder / "tests/send_an_order.py").write_text(SEND)
    libraries = {"PYTHONPATH": str(Path(sys.prefix) / "lib" / f"python3.{sys.version_info.minor}" / "site-packages")}
    yield one, libraries
    shutil.rmtree(one.folder / "temp")


def test_no_input_reaches_a_shell_s_text():
    """Inputs come by the environment: what somebody writes in one is never a command."""
    runs = [step["run"] for step in ACTION["runs"]["steps"] if "run" in step]
    assert runs
    assert not any("${{" in run for run in runs)
    assert all(step["shell"] == "bash" for step in ACTION["runs"]["steps"] if "run" in step)


def test_the_github_action(job, labctl):
    """The example's job, step by step; then the same action with a lab that can't come up."""
    job, libraries = job
    labctl.spec(LAB)
    code, said = job.action(USES["with"])
    assert code == 0, said
    assert job.outputs["bootstrap"].startswith("localhost:")
    assert Path(job.outputs["report"], "report.html").is_file()
    assert "verified" in job.summary
    own = [step for step in GITHUB["steps"] if "run" in step]
    assert [step.get("if") for step in own] == [None, "always()"]
    for step in own:
        code, said = job.step(step["run"], libraries)
        assert code == 0, said
    assert labctl.json("ls") == []

    # no plan, no report of a lab: its name is another file's
    (labctl.folder / "other").mkdir()
    (labctl.folder / "other/lab.yaml").write_text(LAB)
    assert job.step("labctl up -f other/lab.yaml --checks none")[0] == 0
    code, said = job.action({"checks": "none"})
    assert code == 2, said
    assert (job.outputs["bootstrap"], "from " in said) == ("", True)
    assert job.step("labctl down -f other/lab.yaml")[0] == 0

    labctl.spec("kafka: {config: {log.retention.hours: soon}}\nlisteners: {external: {port: auto}}\nui: {kind: none}\n")
    code, said = job.action({"checks": "none"})
    assert code == 4, said
    assert "Invalid value soon" in said
    assert Path(job.outputs["report"], "failure").is_dir()


def test_the_gitlab_job(job, labctl, tmp_path):
    """Its script in a fresh environment, with the wheel of this project in place of the published one."""
    job, libraries = job
    labctl.spec("listeners: {external: {port: auto}}\nui: {kind: none}\n")
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path / "dist"),
        str(SOURCE),
    ]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    (tmp_path / "pin.txt").write_text(f"kafka-labctl @ {wheel.as_uri()}\n")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True, timeout=100)
    env = {"PIP_CONSTRAINT": str(tmp_path / "pin.txt"), "PATH": f"{tmp_path}/venv/bin:{os.environ['PATH']}"}
    for line in GITLAB["script"]:
        code, said = job.step(line, env | ({} if line.startswith("pip") else libraries))
        assert code == 0, said
    assert "offset" in said
    assert labctl.json("ls") == []
    assert list(job.folder.glob(GITLAB["artifacts"]["reports"]["junit"]))
