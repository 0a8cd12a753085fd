"""docs/migrate.md: every block of every section is run as it stands, on the section's own docker-compose.yml."""

import pytest

from tests.integration.documents import sections, type_in_bash
from tests.integration.labs import SOURCE

pytestmark = [pytest.mark.local, pytest.mark.timeout(300)]

SECTIONS = sections((SOURCE / "docs" / "migrate.md").read_text(encoding="utf-8"))
LABS = {
    "From bitnami/kafka": "bitnami.yaml",
    "From confluentinc/cp-kafka with ZooKeeper": "confluent.yaml",
    "From wurstmeister/kafka": "wurstmeister.yaml",
}


@pytest.fixture
def run(labctl):
    """Run a script in the lab's folder, with `labctl` and this Python on PATH."""

    return lambda commands: type_in_bash(commands, labctl.folder, labctl.env, timeout=250)


@pytest.mark.parametrize("title", SECTIONS)
def test_a_section_of_the_page(labctl, run, title):
    """Its commands succeed; the lab.yaml that they write comes up and is verified."""
    for block in SECTIONS[title]:
        if block.kind == "yaml":
            (labctl.folder / "docker-compose.yml").write_text(block.text)
        elif block.kind == "python":
            (labctl.folder / "test_orders.py").write_text(block.text)
            run("python -m pytest -q -p no:cacheprovider -c /dev/null --rootdir . test_orders.py")
        else:
            run(block.text)
    if title in LABS:
        document = labctl.json("up", "-f", LABS[title], "--runtime", "local", "--ports", "auto", "--checks", "quick")
        assert document["status"] == "passed"
    else:
        assert "Testcontainers" in title
