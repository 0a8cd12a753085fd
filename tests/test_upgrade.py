"""`labctl upgrade`: what is refused before any node is stopped."""

import pytest

from labctl.errors import LabStopped, SpecError
from labctl.lab.reporter import NullReporter
from labctl.lab.upgrade import upgrade
from labctl.versions import DEFAULT


def refused(lab, version, error):
    running = set(lab.runtime.running)
    with pytest.raises(error) as raised:
        upgrade("lab", version, lab.store, NullReporter())
    assert set(lab.runtime.running) == running
    return str(raised.value)


@pytest.mark.parametrize("version", ["newest", "4", "4.4.0-rc1", "", "2.8.0"])
def test_what_is_no_version_of_kafka_is_refused(fake_lab, version):
    """As in lab.yaml."""
    fake_lab.up()
    assert refused(fake_lab, version, SpecError).startswith("--to: ")


def test_an_older_version_is_refused(fake_lab):
    """Kafka can't read what a newer one wrote."""
    fake_lab.up()
    assert f"the lab lab runs Kafka {DEFAULT}: an upgrade leads to a newer one" in refused(fake_lab, "4.0.0", SpecError)


def test_an_upgrade_needs_all_nodes(fake_lab):
    """The one that does not work could not be upgraded, and its records have one replica fewer."""
    fake_lab.up()
    fake_lab.runtime.running.clear()
    assert "not all nodes of the lab lab work: " in refused(fake_lab, DEFAULT, LabStopped)
