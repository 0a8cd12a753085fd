"""The version lock files in labctl/runtime/jvm/version_locks."""

import json
import runpy
from pathlib import Path

import pytest

from labctl.errors import SpecError
from labctl.version_lock import FOLDER, load_lock, locked_versions
from labctl.versions import DEFAULT

NEW_KAFKA = Path(__file__).parent.parent / "scripts" / "new_kafka.py"


@pytest.mark.parametrize("version", locked_versions())
def test_the_version_lock_files_are_complete(version):
    """Each has Kafka's broker, its tools and a checksum for every jar."""
    lock = load_lock(version)
    names = {jar.file_name for jar in lock.jars}
    assert {f"kafka_2.13-{version}.jar", f"kafka-tools-{version}.jar", f"kafka-clients-{version}.jar"} <= names
    assert len(names) == len(lock.jars)
    assert all(len(jar.digest) == 64 and jar.bytes > 0 for jar in lock.jars)
    assert lock.scripts["kafka-topics.sh"].endswith("TopicCommand")
    assert json.loads((FOLDER / f"{version}.json").read_text())["kafka"] == version


def test_a_version_without_a_lock_file_is_refused():
    """The error has exit code 2 and the locked versions; the remedy is how to add a version."""
    with pytest.raises(SpecError, match=r"no version lock file for Kafka 1\.0\.0; there are .*4\.4\.0") as refused:
        load_lock("1.0.0")
    assert "scripts/lock_kafka.py" in refused.value.hint


def test_the_default_version_is_the_newest():
    """A lab without kafka.version runs the newest version that has a lock file."""
    assert locked_versions()[-1] == DEFAULT


def test_new_versions_of_kafka():
    """Each line's newest release counts; older patches, release candidates and unsupported lines do not."""
    new_versions = runpy.run_path(str(NEW_KAFKA))["new_versions"]
    available = ["0.10.2.1", "3.8.1", "3.9.2", "4.2.0", "4.2.2", "4.10.0", "4.9.1", "4.11.0-rc1", "4.2.1"]
    assert new_versions(available, ["3.9.2", "4.2.1"]) == ["4.2.2", "4.9.1", "4.10.0"]
    assert new_versions(available, ["3.9.2", "4.2.2", "4.9.1", "4.10.0"]) == []


def test_readme_lists_every_version():
    """README names the versions that have a lock file, all of which the tests run."""
    readme = (NEW_KAFKA.parent.parent / "README.md").read_text(encoding="utf-8")
    *most, newest = locked_versions()
    assert f"labctl is tested with Kafka {', '.join(most)} and {newest} (" in readme
