"""What `labctl lint --fix` fixed starts and passes `labctl check`, on an image that is laid out like Apache's."""

import re
import subprocess
from pathlib import Path

import pytest

from labctl.lint.fixer import fix
from tests.integration.docker_command import docker
from tests.integration.polling import wait_for

pytestmark = [pytest.mark.docker, pytest.mark.timeout(390)]

FILES = Path(__file__).parent.parent / "compose"
IMAGE = "labctl-test/stock-like:4.4.0"
FIXED = [path for path in sorted((FILES / "faulty").glob("*.yml")) if "# left:" not in path.read_text()]
FIXED = [path for path in FIXED if "# expect:" in path.read_text()]
MIGRATED = [FILES / "migrate" / f"{name}.yml" for name in ("bitnami-three", "bitnami-zookeeper", "wurstmeister")]


@pytest.fixture
def started(engine_labctl, stock_like, tmp_path):
    """Start the fixed text of a file in a project of its own, which is removed after the test."""
    file = tmp_path / "compose.yml"
    project = f"lint-{tmp_path.name.replace('_', '-').strip('-')[:40]}".lower()

    def start(text):
        file.write_text(re.sub(r"^name: .*\n", "", text, flags=re.MULTILINE).replace("apache/kafka:4.4.0", IMAGE))
        docker("compose", "-p", project, "-f", str(file), "up", "-d", "--pull", "never")

    yield start
    subprocess.run(
        ["docker", "compose", "-p", project, "-f", str(file), "down", "-v", "-t", "2"],
        capture_output=True,
        check=False,
        timeout=100,
    )


@pytest.mark.parametrize("path", [*FIXED, *MIGRATED], ids=lambda path: path.stem)
def test_a_fixed_file_works(started, engine_labctl, path):
    """Kafka starts from the fixed file, and records pass through a consumer group at its address for the host."""
    ((_before, text),) = fix([path], {}).changed.values()
    # port 9092 may be a lab's of the user
    text = text.replace("9092:9092", "127.0.0.1:19092:9092").replace(
        "PLAINTEXT://localhost:9092", "PLAINTEXT://localhost:19092"
    )
    text = text.replace("PLAINTEXT://127.0.0.1:9092", "PLAINTEXT://127.0.0.1:19092")
    started(text)
    port = re.search(r"://(?:localhost|127\.0\.0\.1):(\d+)", text)
    assert port
    address = f"localhost:{port[1]}"

    checks = ("check", "json-records", "consumer-group", "--bootstrap", address)
    wait_for(lambda: engine_labctl.run(*checks).returncode == 0, seconds=180)
