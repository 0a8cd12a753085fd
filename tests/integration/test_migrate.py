"""docs/migrate.md: every block of every section is run as it stands, on the section's own docker-compose.yml."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.local, pytest.mark.timeout(300)]

TEXT = (Path(__file__).parent.parent.parent / "docs" / "migrate.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTIONS = {part.split("\n", 1)[0]: BLOCK.findall(part) for part in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]}
LABS = {
    "From bitnami/kafka": "bitnami.yaml",
    "From confluentinc/cp-kafka with ZooKeeper": "confluent.yaml",
    "From wurstmeister/kafka": "wurstmeister.yaml",
}


@pytest.fixture
def run(labctl):
    """Run a script in the lab's folder, with `labctl` and this Python on PATH."""

    def script(text):
        env = labctl.env | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-e", "-c", text],
            cwd=labctl.folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    return script


@pytest.mark.parametrize("title", SECTIONS)
def test_a_section_of_the_page(labctl, run, title):
    """Its commands succeed; the lab.yaml that they write comes up and is verified."""
    for kind, block in SECTIONS[title]:
        if kind == "yaml":
            (labctl.folder / "docker-compose.yml").write_text(block)
        elif kind == "python":
            (labctl.folder / "test_orders.py").write_text(block)
            run("python -m pytest -q -p no:cacheprovider -c /dev/null --rootdir . test_orders.py")
        else:
            run(block)
    if title in LABS:
        document = labctl.json("up", "-f", LABS[title], "--runtime", "local", "--ports", "auto", "--checks", "quick")
        assert document["status"] == "passed"
    else:
        assert "Testcontainers" in title
