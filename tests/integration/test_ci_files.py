"""action.yml and docs/ci.md: their shell steps, read from the files and run as a CI system runs them."""

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
GITHUB = next(example["jobs"]["tests"] for example in EXAMPLES if "jobs" in example)
GITLAB = next(example["tests"] for example in EXAMPLES if "tests" in example)
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
    """A GitHub job on this machine: files for environment, outputs and PATH, and a shell for each step."""

    def __init__(self, labctl):
        self.folder = labctl.folder
        self._env = dict(labctl.env)
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

    def action(self, values):
        """Run the action's steps with these inputs until one fails, and return its exit code and output."""
        inputs = {name: str(values.get(name, spec["default"])) for name, spec in ACTION["inputs"].items()}
        assert set(values) <= set(inputs)
        for step in ACTION["runs"]["steps"]:
            if "run" in step:
                env = {
                    name: re.sub(r"\$\{\{ inputs\.(\w+) }}", lambda match: inputs[match[1]], value)
                    for name, value in step.get("env", {}).items()
                }
                code, output = self.step(step["run"], env)
                if code:
                    break
        return code, output

    @property
    def outputs(self):
        """The outputs of the action."""
        return self._read("GITHUB_OUTPUT")

    @property
    def summary(self):
        """The job's summary."""
        return self._summary.read_text()

    def _read(self, name):
        return dict(line.split("=", 1) for line in self._files[name].read_text().splitlines())


@pytest.fixture
def job(labctl):
    """A job whose checkout has the example's script, and the environment in which it finds kafka-python."""
    job = Job(labctl)
    (job.folder / "tests").mkdir()
    (job.folder / "tests/send_an_order.py").write_text(SEND)
    libraries = {"PYTHONPATH": str(Path(sys.prefix) / "lib" / f"python3.{sys.version_info.minor}" / "site-packages")}
    yield job, libraries
    shutil.rmtree(job.folder / "temp")


def test_no_input_is_inserted_into_a_shell_script():
    """Inputs are passed as environment variables, so that their text is never run as a command."""
    runs = [step["run"] for step in ACTION["runs"]["steps"] if "run" in step]
    assert runs
    assert not any("${{" in run for run in runs)
    assert all(step["shell"] == "bash" for step in ACTION["runs"]["steps"] if "run" in step)


def test_the_github_action(job, labctl):
    """The example's job passes step by step. The action fails where the lab can't start."""
    job, libraries = job
    labctl.spec(LAB)
    code, output = job.action(USES["with"])
    assert code == 0, output
    assert job.outputs["bootstrap"].startswith("localhost:")
    assert Path(job.outputs["report"], "report.html").is_file()
    assert "verified" in job.summary
    own = [step for step in GITHUB["steps"] if "run" in step]
    assert [step.get("if") for step in own] == [None, "always()"]
    for step in own:
        code, output = job.step(step["run"], libraries)
        assert code == 0, output
    assert labctl.json("ls") == []

    # no plan and no report: another lab.yaml has a lab of this name
    (labctl.folder / "other").mkdir()
    (labctl.folder / "other/lab.yaml").write_text(LAB)
    assert job.step("labctl up -f other/lab.yaml --checks none")[0] == 0
    code, output = job.action({"checks": "none"})
    assert code == 2, output
    assert (job.outputs["bootstrap"], "from " in output) == ("", True)
    assert job.step("labctl down -f other/lab.yaml")[0] == 0

    labctl.spec("kafka: {config: {log.retention.hours: soon}}\nlisteners: {external: {port: auto}}\nui: {kind: none}\n")
    code, output = job.action({"checks": "none"})
    assert code == 4, output
    assert "Invalid value soon" in output
    assert Path(job.outputs["report"], "failure").is_dir()


def test_the_gitlab_job(job, labctl, tmp_path):
    """The script passes in a fresh environment, with this project's wheel in place of the published one."""
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
        code, output = job.step(line, env | ({} if line.startswith("pip") else libraries))
        assert code == 0, output
    assert "offset" in output
    assert labctl.json("ls") == []
    assert list(job.folder.glob(GITLAB["artifacts"]["reports"]["junit"]))
