"""README.md: each of its command blocks is run unchanged, section by section."""

from dataclasses import dataclass

import pytest

from labctl.spec.loader import parse_spec
from labctl.spec.model import default_spec
from tests.integration.documents import Block, sections, stock_image, type_in_bash
from tests.integration.labs import NO_ENGINE, SOURCE

pytestmark = [pytest.mark.docker, pytest.mark.local, pytest.mark.timeout(400)]

SECTIONS = sections((SOURCE / "README.md").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Section:
    """What a reader has run before a section, what its commands must print, and where they run."""

    before: str = ""
    prints: tuple[str, ...] = ()
    engine: bool = False
    checkout: bool = False


EXPECTED = {
    "Start": Section(prints=("ready, verified", "removed"), checkout=True),
    "The homework commands": Section(before="labctl up --checks none", prints=('{"orderid":1001,"amount":599.99}',)),
    "In Docker": Section(
        before="labctl up --checks none",
        prints=(
            "orders",
            "KAFKA_CONTROLLER_QUORUM_VOTERS",
            "built labctl/kafka:4.4.0",
            "verified: Kafka on localhost:9094",
        ),
        engine=True,
    ),
    "From other containers": Section(
        before="labctl up --runtime compose --checks none",
        prints=("KAFKA_BOOTSTRAP_SERVERS=broker:9092", "docker run --network labctl-homework"),
        engine=True,
    ),
    "Clusters": Section(prints=("ready, verified", "removed node broker-1", "wrote cluster.yaml")),
    "Security": Section(prints=("ready, verified", "KAFKA_SASL_PASSWORD_FILE", "orders")),
    "From your programs": Section(
        before="labctl up --checks none",
        prints=("sent: {", "read: {", "wrote kafka.ipynb", "✓ kafka.ipynb", "✓ console.txt", "wrote evidence.zip"),
    ),
    "Schemas and connectors": Section(
        prints=("✓ schemas", "✓ connect", "SCHEMA_REGISTRY_URL=http://localhost:8081/", "FileStreamSinkConnector")
    ),
    "Your own docker-compose.yml": Section(
        before="labctl render --runtime compose -o .; cp docker-compose.yml base.yml; echo 'services: {}' > class.yml",
        prints=("docker-compose.yml: no faults found (1 Kafka node)", "base.yml, class.yml: no faults found"),
    ),
    "In tests and CI": Section(prints=("1 passed", "localhost:")),
    "Documentation": Section(prints=("open site/index.html",), checkout=True),
}


@pytest.fixture
def run_commands(engine_labctl):
    """A function that runs commands in an empty folder, with `labctl` on PATH."""

    def run(commands, section):
        env = engine_labctl.env if section.engine else engine_labctl.env | {"DOCKER_HOST": NO_ENGINE}
        return type_in_bash(commands, SOURCE if section.checkout else engine_labctl.folder, env)

    with stock_image():
        yield run


def test_every_section_is_tested():
    """Each section with a command is tested below, except the one that runs these tests, which CI runs."""
    with_commands = {
        title for title, blocks in SECTIONS.items() if any(block.kind in {"sh", "python"} for block in blocks)
    }
    assert with_commands == {*EXPECTED, "Working on labctl"}
    assert SECTIONS["Working on labctl"] == [Block("sh", "", "make test\n")]
    assert "make test" in (SOURCE / ".ci/run").read_text()


@pytest.mark.parametrize("title", EXPECTED)
def test_a_section_s_commands(run_commands, title):
    """Each block of a section succeeds, and together they print what is expected."""
    section = EXPECTED[title]
    output = run_commands(section.before, section) if section.before else ""
    for block in SECTIONS[title]:
        if block.kind == "sh":
            output += run_commands(block.text, section)
        if block.kind == "python":
            command = ["-m pytest -q -p no:cacheprovider -c /dev/null --rootdir ."] if "def test" in block.text else []
            script = f"cat > test_block.py <<'EOF'\n{block.text}\nEOF\npython {' '.join(command)} test_block.py"
            output += run_commands(script, section)
    for text in section.prints:
        assert text in output


def test_a_service_of_another_compose_file(run_commands, engine_labctl):
    """Its container reads the records of the homework lab by the internal address."""
    (text,) = [block.text for block in SECTIONS["From other containers"] if block.kind == "yaml"]
    section = EXPECTED["From other containers"]
    run_commands(section.before, section)
    (engine_labctl.folder / "app.yml").write_text(text)
    compose = "docker compose --project-name labctl-test-app --file app.yml"
    output = run_commands(f"trap '{compose} down --volumes' EXIT; {compose} up --exit-code-from app", section)
    assert output.count('{"orderid":100') == 2, output


def test_the_homework_lab_as_lab_yaml():
    """The lab.yaml in README is the homework lab."""
    (text,) = [block.text for block in SECTIONS["lab.yaml"] if block.kind == "yaml"]
    assert parse_spec(text).model_dump() | {"topics": []} == default_spec().model_dump() | {"topics": []}


def test_the_error_is_reported_as_shown(engine_labctl):
    """labctl reports errors of a lab.yaml as README's examples show them."""
    (spec,) = [block.text for block in SECTIONS["lab.yaml"] if block.kind == "yaml"]
    copies, name = [block.text.strip() for block in SECTIONS["lab.yaml"] if block.kind == "text"]
    engine_labctl.spec(spec.replace("replication_factor: 1", "replication_factor: 3"))
    assert copies in engine_labctl.run("plan").stderr.splitlines()[0]
    engine_labctl.spec("kafka:\n  version: 4.4.0\n  brokers: 1\n  heap: 512m\n  config:\n    mesage.max.bytes: 1\n")
    assert name in engine_labctl.run("plan").stderr.splitlines()[0]
