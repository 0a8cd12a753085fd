"""docs/settings.md: every setting of a lab that is not Kafka's own, with Kafka's default."""

import re

import pytest

from labctl.lab.existing import connect, open_lab
from labctl.lab.reporter import NullReporter
from labctl.state.store import LabStore
from tests.integration.labs import SOURCE, lab_yaml

pytestmark = [pytest.mark.local, pytest.mark.timeout(120)]

DOCUMENT = (SOURCE / "docs" / "settings.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `([a-z.]+)` \| (\w+) \|", DOCUMENT, re.MULTILINE))
NAMED = set(re.findall(r"`([a-z0-9.-]+)`", DOCUMENT))
FROM_FILE, DEFAULT = 4, 5  # ConfigEntry.ConfigSource


@pytest.mark.parametrize("preset", ["homework", "cluster", "secure"])
def test_each_changed_setting_is_documented(labctl, preset):
    """A broker says what its file sets, and what Kafka's default is."""
    labctl.spec(lab_yaml(preset))
    labctl.run("up", "--checks", "none", check=True)
    plan = open_lab(preset, LabStore(labctl.state), NullReporter()).plan
    with connect(plan) as client:
        (settings,) = client._configs("broker", [str(plan.brokers[0].id)], plan.brokers[0].id).values()
    found = {config.name: config for config in settings if config.config_source == FROM_FILE}
    assert len(found) > 20
    for name, config in found.items():
        general = re.sub(r"^listener\.name\.\w+\.", "", name)
        assert general in NAMED, name
        if name in ROWS:
            assert [known.value for known in config.synonyms if known.source == DEFAULT] == [ROWS[name]], name
