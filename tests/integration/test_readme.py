"""README.md: each of its command blocks, run as it stands there, section by section."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from labctl.spec.loader import parse_spec
from labctl.spec.model import default_spec
from tests.integration.docker_command import docker
from tests.integration.labs import NO_ENGINE, OWN_IMAGE

pytestmark = [pytest.mark.docker, pytest.mark.local, pytest.mark.timeout(400)]

SOURCE = Path(__file__).parent.parent.parent
TEXT = (SOURCE / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTIONS = {part.split("\n", 1)[0]: BLOCK.findall(part) for part in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]}
STOCK = "apache/kafka:4.3.1"


@dataclass(frozen=True)
class Walk:
    """What a section's reader has done before, what the commands must have said, and where they are typed."""

    before: str = ""
    said: tuple[str, ...] = ()
    engine: bool = False
    checkout: bool = False


WALKS = {
    "Start": Walk(said=("ready, verified", "removed"), checkout=True),
    "The homework commands": Walk(before="labctl up --checks none", said=('{"orderid":1001,"amount":599.99}',)),
    "In Docker": Walk(
        before="labctl up --checks none",
        said=(
            "orders",
            "KAFKA_CONTROLLER_QUORUM_VOTERS",
            "built labctl/kafka:4.3.1",
            "verified: Kafka on localhost:9094",
        ),
        engine=True,
    ),
    "Clusters": Walk(said=("ready, verified", "removed node broker-1", "wrote cluster.yaml")),
    "Security": Walk(said=("ready, verified", "KAFKA_SASL_PASSWORD_FILE", "orders")),
    "From your programs": Walk(
        before="labctl up --checks none",
        said=("sent: {", "read: {", "wrote kafka.ipynb", "✓ kafka.ipynb", "✓ console.txt", "wrote evidence.zip"),
    ),
    "In tests and CI": Walk(said=("1 passed", "localhost:")),
}


@pytest.fixture
def run_commands(engine_labctl):
    """A shell in a folder of its own, where `labctl` is on PATH."""

    def run(commands, walk):
        env = engine_labctl.env | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", commands],
            cwd=SOURCE if walk.checkout else engine_labctl.folder,
            env=env if walk.engine else env | {"DOCKER_HOST": NO_ENGINE},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    here = docker("image", "ls", "--quiet", STOCK).strip()
    if here:
        yield run
        return
    docker("tag", f"{OWN_IMAGE}:4.3.1", STOCK)
    yield run
    docker("image", "rm", STOCK)


def test_no_section_is_left_out():
    """Each one with a command is walked below; CI itself types the one that runs these tests."""
    with_commands = {title for title, blocks in SECTIONS.items() if any(kind in {"sh", "python"} for kind, _ in blocks)}
    assert with_commands == {*WALKS, "Working on labctl"}
    assert SECTIONS["Working on labctl"] == [("sh", "make test\n")]
    assert "make test" in (SOURCE / ".ci/run").read_text()


@pytest.mark.parametrize("title", WALKS)
def test_a_section_s_commands(run_commands, title):
    """Each block does what the text around it says."""
    walk = WALKS[title]
    said = run_commands(walk.before, walk) if walk.before else ""
    for kind, block in SECTIONS[title]:
        if kind == "sh":
            said += run_commands(block, walk)
        if kind == "python":
            command = ["-m pytest -q -p no:cacheprovider -c /dev/null --rootdir ."] if "def test" in block else []
            script = f"cat > test_block.py <<'EOF'\n{block}\nEOF\npython {' '.join(command)} test_block.py"
            said += run_commands(script, walk)
    for words in walk.said:
        assert words in said


def test_the_homework_lab_as_lab_yaml():
    """What README shows as lab.yaml is the homework lab."""
    ((_kind, text),) = [block for block in SECTIONS["lab.yaml"] if block[0] == "yaml"]
    assert parse_spec(text).model_dump() | {"topics": []} == default_spec().model_dump() | {"topics": []}


def test_the_mistake_is_told_as_shown(engine_labctl):
    """The example's place and sentence are what labctl says of the lab.yaml above it."""
    shown = dict(SECTIONS["lab.yaml"])
    engine_labctl.spec(shown["yaml"].replace("replication_factor: 1", "replication_factor: 3"))
    assert shown["text"].strip() in engine_labctl.run("plan").stderr.splitlines()[0]
