"""`labctl init --from docker-compose.yml`: the lab.yaml of the same lab."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from labctl.cli.console import Console
from labctl.cli.main import cli
from labctl.lint.complete import COMPLETE
from labctl.spec.loader import load_spec

FILES = Path(__file__).parent / "compose"
WITH_KAFKA = [path for path in sorted(FILES.glob("*/*.yml")) if path.stem != "not-kafka"]


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Run `labctl init --from` on a text or a file, and return the spec that it wrote, and what it printed."""
    monkeypatch.chdir(tmp_path)

    def make(source):
        if isinstance(source, str):
            (tmp_path / "compose.yml").write_text(source)
            source = tmp_path / "compose.yml"
        result = CliRunner().invoke(cli, ["init", "--from", str(source), "--force"], obj=Console())
        assert result.exit_code == 0, result.output
        return load_spec(Path("lab.yaml")), result.stderr

    return make


@pytest.mark.parametrize("path", WITH_KAFKA, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_file_becomes_a_valid_lab_yaml(made, path):
    """Faulty, sound and old files: what is written is accepted."""
    spec, _printed = made(path)
    assert spec.kafka.brokers >= 1


def test_nodes_ports_heap_and_settings(made):
    """Three nodes on their ports, the heap, the broker settings; what labctl decides itself is left out."""
    spec, printed = made(
        (FILES / "sound" / "three-combined.yml")
        .read_text()
        .replace(
            "KAFKA_LOG_DIRS:",
            "KAFKA_HEAP_OPTS: -Xmx1G -Xms1G\n      KAFKA_LOG_RETENTION_HOURS: 24\n      KAFKA_LOG_DIRS:",
        )
    )
    assert (spec.kafka.brokers, spec.kafka.controllers, spec.listeners.external.port) == (3, "combined", 19094)
    assert (spec.kafka.heap, spec.ui.kind, spec.topics) == ("1g", "none", [])
    assert spec.kafka.config == {
        "default.replication.factor": 3,
        "min.insync.replicas": 2,
        "log.retention.hours": 24,
    }
    assert "not carried over" not in printed


def test_isolated_controllers(made):
    """Three brokers and three controllers."""
    spec, _printed = made(FILES / "sound" / "isolated-controllers.yml")
    assert (spec.kafka.brokers, spec.kafka.controllers) == (3, 3)


def test_topics_pages_and_other_services(made):
    """Topics that a service creates, the page's port; what labctl does not have is printed, and in the file."""
    spec, printed = made(
        f"""{COMPLETE}
  init:
    image: apache/kafka:4.4.0
    command: >
      bash -c "kafka-topics.sh --create --topic orders --partitions 6 --config retention.ms=1000
      && kafka-topics.sh --create --topic=clicks --replication-factor 3"
  ui:
    image: provectuslabs/kafka-ui
    ports: ['8080:8080']
  registry:
    image: cp/registry:1
"""
    )
    topics = {topic.name: (topic.partitions, topic.replication_factor, topic.config) for topic in spec.topics}
    assert topics == {"orders": (6, None, {"retention.ms": 1000}), "clicks": (3, 1, {})}
    assert (spec.name, spec.ui.port) == ("example", 8080)
    assert "not carried over: service registry (cp/registry:1)" in printed
    assert "not carried over: topic clicks: 3 replicas need as many brokers" in printed
    assert "#   service registry (cp/registry:1)" in Path("lab.yaml").read_text()


def test_topics_of_wurstmeister(made):
    """KAFKA_CREATE_TOPICS: name, partitions, replicas, clean-up policy."""
    text = (FILES / "migrate" / "wurstmeister.yml").read_text().replace("orders:3:1", "orders:3:1,state:1:1:compact")
    spec, _printed = made(text)
    assert [(topic.name, topic.partitions, topic.config) for topic in spec.topics] == [
        ("orders", 3, {}),
        ("state", 1, {"cleanup.policy": "compact"}),
    ]


def test_settings_that_lab_yaml_may_not_have(made):
    """A setting that names a class or a file is not carried over, nor one that Kafka does not know."""
    extra = "      KAFKA_METRIC_REPORTERS: com.example.Reporter\n      KAFKA_NO_SUCH_THING: 1\n"
    spec, printed = made(COMPLETE.replace("      CLUSTER_ID", f"{extra}      CLUSTER_ID"))
    assert spec.kafka.config == {}
    assert "KAFKA_METRIC_REPORTERS: can load code" in printed
    assert "KAFKA_NO_SUCH_THING: " in printed


def test_what_is_not_kafka_is_refused(tmp_path):
    """The images that it knows are named; --preset and --from exclude each other; a file is not overwritten."""
    path = tmp_path / "compose.yml"
    path.write_text("services: {a: {image: nginx}}\n")

    def init(*arguments):
        return CliRunner().invoke(cli, ["init", *arguments], obj=Console())

    refused = init("--from", str(path), str(tmp_path / "lab.yaml"))
    assert (refused.exit_code, (tmp_path / "lab.yaml").exists()) == (2, False)
    assert "apache/kafka" in refused.stderr
    assert init("--from", str(path), "--preset", "cluster").exit_code == 2
    (tmp_path / "lab.yaml").touch()
    assert "exists already" in init("--from", str(path), str(tmp_path / "lab.yaml")).stderr
