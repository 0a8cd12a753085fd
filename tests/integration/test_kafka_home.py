"""KAFKA_HOME: an unpacked Kafka as Apache ships it, with log4j behind slf4j, in place of the jars in the cache."""

import shutil

import pytest
import requests

from labctl.lab.reporter import NullReporter
from labctl.runtime.jvm.cache import ensure_jars
from labctl.runtime.jvm.download import repository_url
from tests.integration.labs import lab_yaml

pytestmark = [pytest.mark.local, pytest.mark.network, pytest.mark.timeout(240)]

OURS = ("slf4j-", "log4j-")  # the logging jars of labctl's version lock files
LOGGING = {
    "3.9.2": ["ch/qos/reload4j/reload4j/1.2.25", "org/slf4j/slf4j-reload4j/1.7.36", "org/slf4j/slf4j-api/1.7.36"],
    "4.4.0": [
        "org/apache/logging/log4j/log4j-api/2.24.3",
        "org/apache/logging/log4j/log4j-core/2.24.3",
        "org/apache/logging/log4j/log4j-slf4j-impl/2.24.3",
        "org/slf4j/slf4j-api/1.7.36",
    ],
}


@pytest.fixture(params=sorted(LOGGING))
def home(request, tmp_path):
    """An unpacked Kafka: libs/ with its own logging jars, and bin/ with scripts that name their classes."""
    version = request.param
    lock, jars = ensure_jars(version, NullReporter())
    folder = tmp_path / "kafka"
    for name in ("libs", "bin"):
        (folder / name).mkdir(parents=True)
    for jar in lock.jars:
        if not jar.file_name.startswith(OURS):
            shutil.copyfile(jars / jar.file_name, folder / "libs" / jar.file_name)
    for path in LOGGING[version]:
        _group, artifact, number = path.rsplit("/", 2)
        response = requests.get(f"{repository_url()}/{path}/{artifact}-{number}.jar", timeout=60)
        response.raise_for_status()
        (folder / "libs" / f"{artifact}-{number}.jar").write_bytes(response.content)
    for script, main_class in lock.scripts.items():
        (folder / "bin" / script).write_text(f'exec $(dirname $0)/kafka-run-class.sh {main_class} "$@"\n')
    return version, folder


def test_an_unpacked_kafka(labctl, home):
    """The checks pass, `logs` has the node's log, and a tool's error is on stderr."""
    version, folder = home
    labctl.spec(lab_yaml("homework").replace('"4.4.0"', f'"{version}"'))
    environment = {"KAFKA_HOME": str(folder)}
    up = labctl.run("up", "--runtime", "local", "--checks", "quick", env=environment, timeout=200)
    assert up.returncode == 0, up.stderr
    assert "Kafka Server started" in labctl.run("logs", "broker").stdout
    refused = labctl.tool(
        *("kafka-console-producer.sh", "--bootstrap-server", "broker:9092", "--topic", "a b"), input="x\n", check=False
    )
    assert "InvalidTopicException" in refused.stderr or "INVALID_TOPIC_EXCEPTION" in refused.stderr, refused


def test_another_version_than_the_lab_requires(labctl, home):
    """`up` exits with 2 and names the version of KAFKA_HOME."""
    version, folder = home
    labctl.spec(lab_yaml("homework").replace('"4.4.0"', '"4.1.2"'))
    done = labctl.run("up", "--runtime", "local", env={"KAFKA_HOME": str(folder)})
    assert (done.returncode, f"KAFKA_HOME={folder} has {version}" in done.stderr) == (2, True), done.stderr
