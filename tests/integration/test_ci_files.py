"""action.yml and docs/ci.md: their shell steps, read from the files and run as a CI system runs them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.integration.github_job import Job
from tests.integration.installs import build_archive
from tests.integration.labs import SOURCE

pytestmark = [pytest.mark.local, pytest.mark.network, pytest.mark.timeout(400)]

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
import os
from kafka import KafkaProducer
producer = KafkaProducer(bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"].split(","))
print("offset", producer.send("orders", b"an order").get(10).offset)
producer.close()
"""


def run_action(job, values):
    """Run the action's steps with these inputs until one fails, and return its exit code and output."""
    inputs = {name: str(values.get(name, spec["default"])) for name, spec in ACTION["inputs"].items()}
    assert set(values) <= set(inputs)
    for step in ACTION["runs"]["steps"]:
        if "run" in step:
            env = {
                name: re.sub(r"\$\{\{ inputs\.(\w+) }}", lambda match: inputs[match[1]], value)
                for name, value in step.get("env", {}).items()
            }
            code, output = job.step(step["run"], env)
            if code:
                break
    return code, output


@pytest.fixture
def job(labctl):
    """A job whose checkout has the example's script."""
    job = Job(labctl.folder, labctl.env)
    (job.folder / "send_an_order.py").write_text(SEND)
    yield job
    shutil.rmtree(job.folder / "temp")


def test_no_input_is_inserted_into_a_shell_script():
    """Inputs are passed as environment variables, so that their text is never run as a command."""
    runs = [step["run"] for step in ACTION["runs"]["steps"] if "run" in step]
    assert runs
    assert not any("${{" in run for run in runs)
    assert all(step["shell"] == "bash" for step in ACTION["runs"]["steps"] if "run" in step)


def test_the_github_action(job, labctl):
    """The example's job passes step by step. The action fails where the lab can't start."""
    labctl.spec(LAB)
    code, output = run_action(job, USES["with"])
    assert code == 0, output
    assert job.outputs["bootstrap"].startswith("localhost:")
    assert Path(job.outputs["report"], "report.html").is_file()
    assert "verified" in job.summary
    own = [step for step in GITHUB["steps"] if "run" in step]
    assert [step.get("if") for step in own] == [None, None, "always()"]
    for step in own:
        code, output = job.step(step["run"])
        assert code == 0, output
    assert labctl.json("ls") == []

    # no plan and no report: another lab.yaml has a lab of this name
    (labctl.folder / "other").mkdir()
    (labctl.folder / "other/lab.yaml").write_text(LAB)
    assert job.step("labctl up -f other/lab.yaml --checks none")[0] == 0
    code, output = run_action(job, {"checks": "none"})
    assert code == 2, output
    assert (job.outputs["bootstrap"], "from " in output) == ("", True)
    assert job.step("labctl down -f other/lab.yaml")[0] == 0

    labctl.spec("kafka: {config: {log.retention.hours: soon}}\nlisteners: {external: {port: auto}}\nui: {kind: none}\n")
    code, output = run_action(job, {"checks": "none"})
    assert code == 4, output
    assert "Invalid value soon" in output
    assert Path(job.outputs["report"], "failure").is_dir()


def test_the_gitlab_job(job, labctl, tmp_path):
    """The script passes in a fresh environment, with this project's source archive in place of the published one."""
    labctl.spec(LAB)
    archive = build_archive(tmp_path / "dist")
    install = GITLAB["script"][0]
    assert re.search(r"https://\S+\.tar\.gz", install)
    script = [re.sub(r"https://\S+", str(archive), install), *GITLAB["script"][1:]]
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True, timeout=100)
    env = {"PATH": f"{tmp_path}/venv/bin:{os.environ['PATH']}"}
    for line in script:
        code, output = job.step(line, env)
        assert code == 0, output
    assert "offset" in output
    assert labctl.json("ls") == []
    assert list(labctl.folder.glob(GITLAB["artifacts"]["reports"]["junit"]))
